#include "models/kernels/rotary.h"

#include <cmath>
#include <doctest/doctest.h>

#include "tests/models/kernels/noise.h"

using namespace sightline::models;
using namespace sightline::models::kernels;

TEST_CASE("pairs are turned by the angles of their token's place, head by head") {
  for (const std::int64_t pairs : {1, 3, 8, 32}) {
    constexpr std::int64_t k_places = 5, k_heads = 3, k_beside = 4;        // columns that are not turned
    const std::vector<std::int64_t> places{0, 1, 2, 3, 4, 0, 1, 0, 4, 2};  // of inputs of different lengths
    const auto tokens = static_cast<std::int64_t>(places.size());
    const std::int64_t width = 2 * pairs, columns = k_heads * width, stride = columns + k_beside;
    const std::vector<float> angles = testing::noise(k_places * pairs, 1);
    const std::vector<float> before = testing::noise(tokens * stride, 2);
    std::vector<float> x = before;
    Rotary(angles, k_places).turn({x.data(), tokens, columns, stride}, places);
    for (std::int64_t row = 0; row < tokens; ++row) {
      for (std::int64_t column = 0; column < stride; ++column) {
        const auto at = static_cast<std::size_t>(row * stride + column);
        if (column >= columns) {
          REQUIRE(x[at] == before[at]);
          continue;
        }
        const double angle =
            angles[static_cast<std::size_t>(places[static_cast<std::size_t>(row)] * pairs + column % width / 2)];
        const auto even = at - static_cast<std::size_t>(column % 2);
        const double a = before[even], b = before[even + 1];
        const double wanted =
            column % 2 == 0 ? a * std::cos(angle) - b * std::sin(angle) : b * std::cos(angle) + a * std::sin(angle);
        REQUIRE(std::abs(x[at] - wanted) < 1e-6);
      }
    }
  }
}
