// JSON for human eyes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::elastic::rest {

/// `json` (valid, or it comes back unchanged) laid out as Elasticsearch's `pretty` does it: two blanks a
/// level, `"key" : value`, and a line break at the end. Numbers and strings stay byte by byte. Nothing if
/// that would take more than `max_bytes`.
std::optional<std::string> pretty_json(std::string_view json, std::size_t max_bytes);

}  // namespace sightline::elastic::rest
