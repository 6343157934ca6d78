// JSON for human eyes.
#pragma once

#include <string>
#include <string_view>

namespace sightline::elastic::rest {

/// `json` (valid, or it comes back unchanged) laid out as Elasticsearch's `pretty` does it: two blanks a
/// level, `"key" : value`, and a line break at the end. Numbers and strings stay byte by byte.
std::string pretty_json(std::string_view json);

}  // namespace sightline::elastic::rest
