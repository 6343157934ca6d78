#include "models/kernels/rows.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

using namespace sightline::models::kernels;

TEST_CASE("floats become the nearest bfloat16, ties go to even, and come back unchanged") {
  const float infinity = std::numeric_limits<float>::infinity();
  // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7; 1 + 3 * 2^-8 between 1 + 2^-7 and 1 + 2^-6.
  std::vector<float> values{0,        -0.0f,     1,       1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 0x1.2p-8f, -2.5f,
                            infinity, -infinity, 3.4e38f, 1e-40f,      -7.03125f,       std::nanf(""), 65504};
  std::vector<float> wanted{0,        -0.0f,     1,        1,         1 + 0x1p-6f, 1 + 0x1p-7f,   -2.5f,
                            infinity, -infinity, infinity, 0x1p-133f, -7.03125f,   std::nanf(""), 65536};
  // As often as there are lanes in the widest vector, and a rest.
  const std::size_t single = values.size();
  for (std::size_t i = 0; i < 3 * single - 1; ++i) {
    values.push_back(values[i]);
    wanted.push_back(wanted[i]);
  }
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<std::uint16_t> narrow(values.size());
  std::vector<float> back(values.size());
  convert({values.data(), 1, count, count}, {narrow.data(), 1, count, count, Element::bf16});
  convert({narrow.data(), 1, count, count, Element::bf16}, {back.data(), 1, count, count});
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    CAPTURE(values[i]);
    if (std::isnan(wanted[i])) {
      CHECK(std::isnan(back[i]));
    } else {
      CHECK(back[i] == wanted[i]);
      CHECK(std::signbit(back[i]) == std::signbit(wanted[i]));
    }
  }
}

TEST_CASE("rows with a stride are copied row by row") {
  const std::vector<float> from{1, 2, 3, 4, 5, 6};
  std::vector<float> to(8, 9);
  convert({const_cast<float*>(from.data()), 2, 2, 3}, {to.data(), 2, 2, 4});
  CHECK(to == std::vector<float>{1, 2, 9, 9, 4, 5, 9, 9});
}
