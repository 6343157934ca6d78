#include "models/kernels/rotary.h"

#include <cmath>
#include <doctest/doctest.h>

#include "tests/models/kernels/noise.h"

using namespace sightline::models;
using namespace sightline::models::kernels;

TEST_CASE("pairs are turned by their token's angles, head by head, input by input") {
  for (const std::int64_t pairs : {1, 3, 8, 32}) {
    constexpr std::int64_t k_tokens = 5, k_inputs = 2, k_heads = 3, k_beside = 4;  // columns that are not turned
    const std::int64_t width = 2 * pairs, columns = k_heads * width, stride = columns + k_beside;
    const std::vector<float> angles = testing::noise(k_tokens * pairs, 1);
    const std::vector<float> before = testing::noise(k_inputs * k_tokens * stride, 2);
    std::vector<float> x = before;
    Rotary(angles, k_tokens).turn({x.data(), k_inputs * k_tokens, columns, stride});
    for (std::int64_t row = 0; row < k_inputs * k_tokens; ++row) {
      for (std::int64_t column = 0; column < stride; ++column) {
        const auto at = static_cast<std::size_t>(row * stride + column);
        if (column >= columns) {
          REQUIRE(x[at] == before[at]);
          continue;
        }
        const double angle = angles[static_cast<std::size_t>(row % k_tokens * pairs + column % width / 2)];
        const auto even = at - static_cast<std::size_t>(column % 2);
        const double a = before[even], b = before[even + 1];
        const double wanted =
            column % 2 == 0 ? a * std::cos(angle) - b * std::sin(angle) : b * std::cos(angle) + a * std::sin(angle);
        REQUIRE(std::abs(x[at] - wanted) < 1e-6);
      }
    }
  }
}
