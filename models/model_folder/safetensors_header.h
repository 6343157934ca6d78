// The JSON header of a safetensors file, not yet compared with the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::models {

/// One tensor as the header describes it: well-formed, but not yet compared with the file.
struct HeaderEntry {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes, counted from the end of the header
};

/// Parses the header in one pass that stores only the entries: nesting and size cannot exhaust memory. Errors:
/// corrupt_data, the message without the file's name.
Result<std::vector<HeaderEntry>> parse_safetensors_header(std::string_view json);

}  // namespace sightline::models
