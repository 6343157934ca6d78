// Upper bounds on the values of a JSON text, found before memory is allocated for it.
#pragma once

#include <cstddef>
#include <string_view>

namespace sightline::json {

struct ValueCount {
  std::size_t all = 0;           ///< values and keys of the text
  std::size_t largest_line = 0;  ///< of the line that has most of them
};

/// Counts the values and keys of a text, which may be several JSON texts, one per line. The outermost value
/// of each is not counted, and an empty array or object counts twice. No reader finds more in a broken text.
/// Stops counting when either number exceeds its bound. Stores nothing, and skips strings 16 bytes at a
/// time.
ValueCount count_values(std::string_view text, std::size_t max_all, std::size_t max_line);

}  // namespace sightline::json
