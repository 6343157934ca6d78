// Numbers that look random and are the same in each run.
#pragma once

#include <cstdint>
#include <vector>

namespace sightline::models::testing {

/// `count` numbers from -1 to 1.
inline std::vector<float> noise(std::int64_t count, std::uint32_t seed) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    values.push_back(static_cast<float>(seed >> 8) / (1 << 23) - 1);
  }
  return values;
}

}  // namespace sightline::models::testing
