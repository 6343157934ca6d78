#include "models/kernels/layer_norm.h"

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <span>

#include "models/kernels/reference.h"
#include "tests/models/kernels/noise.h"

using namespace sightline::models;
using namespace sightline::models::kernels;
using sightline::models::testing::noise;

TEST_CASE("layer norm gives what the formula gives, at every width and in place") {
  constexpr double k_eps = 1e-5;
  for (const std::int64_t width : {1, 7, 16, 48, 67, 768, 1025}) {
    for (const std::int64_t rows : {1, 3, 50}) {
      CAPTURE(width);
      CAPTURE(rows);
      std::vector<float> x = noise(rows * width, 1);
      for (float& value : x) value = value * 3 + 40;  // a mean far from zero
      const std::vector<float> original = x, weight = noise(width, 2), bias = noise(width, 3);
      std::vector<float> out(x.size());
      std::vector<std::uint16_t> narrow(x.size());
      const Rows in{x.data(), rows, width, width};
      layer_norm(in, weight.data(), bias.data(), k_eps, {out.data(), rows, width, width});
      layer_norm(in, weight.data(), bias.data(), k_eps, {narrow.data(), rows, width, width, Element::bf16});
      layer_norm(in, weight.data(), bias.data(), k_eps, in);
      for (std::int64_t row = 0; row < rows; ++row) {
        const std::span values(original.data() + row * width, static_cast<std::size_t>(width));
        for (std::int64_t i = 0; i < width; i += 1 + width / 13) {
          const auto at = static_cast<std::size_t>(row * width + i), place = static_cast<std::size_t>(i);
          const double wanted = reference::layer_norm(values, place, weight[place], bias[place], k_eps);
          REQUIRE(out[at] == doctest::Approx(wanted).epsilon(1e-4));
          REQUIRE(x[at] == out[at]);
          float widened = 0;
          const std::uint32_t bits = std::uint32_t{narrow[at]} << 16;
          std::memcpy(&widened, &bits, sizeof widened);
          REQUIRE(std::abs(widened - out[at]) <= std::abs(out[at]) / 256);
        }
      }
    }
  }
}
