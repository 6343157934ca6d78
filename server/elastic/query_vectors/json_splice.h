// Texts with some of their bytes replaced.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::elastic {

/// Bytes `begin` to `end` become `text`.
struct Splice {
  std::size_t begin = 0, end = 0;
  std::string text = {};
};

/// `text` with its splices, which are in order and do not overlap; all other bytes as they are.
std::string spliced(std::string_view text, const std::vector<Splice>& splices);

}  // namespace sightline::elastic
