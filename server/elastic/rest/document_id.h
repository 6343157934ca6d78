// The `_id` of a document, as Elasticsearch keeps it, and the names of data about documents.
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

/// True for the names that Elasticsearch keeps for data about documents: _id, _index, ...
bool is_metadata_field(std::string_view name);

/// Throws Refused for such a name: it is not supported in `place`, since no field has that data here.
void refuse_metadata_field(std::string_view name, const std::string& place);

}  // namespace sightline::elastic::rest
