// The `_id` of a document, as Elasticsearch keeps it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::elastic::rest {

constexpr std::size_t k_longest_id_bytes = 512;

/// The id as it is kept and looked for: bytes that are not UTF-8 and halves of surrogate pairs are U+FFFD.
std::string document_id(std::string_view given);

/// "id [...] is too long, must be no longer than 512 bytes but was: 513", which refuses a write of that id;
/// nothing if it may be written.
std::optional<std::string> id_problem(std::string_view id);

}  // namespace sightline::elastic::rest
