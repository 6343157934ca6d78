#include "models/image/resample.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <numeric>
#include <random>

#include "picture_files.h"

namespace sightline::models {
namespace {

using Filter = PreprocessConfig::Filter;
constexpr std::array k_filters{Filter::nearest, Filter::lanczos, Filter::bilinear,
                               Filter::bicubic, Filter::box,     Filter::hamming};

Picture random_picture(std::uint32_t width, std::uint32_t height) {
  std::mt19937 random(width * 10007 + height);
  Picture picture(width, height);
  std::generate_n(picture.row(0), picture.size_bytes(), [&] { return static_cast<std::uint8_t>(random()); });
  return picture;
}

std::vector<std::uint8_t> window(const Picture& picture, std::uint64_t width, std::uint64_t height, Span columns,
                                 Span rows, Filter filter) {
  std::vector<std::uint8_t> out(columns.size * rows.size * 3);
  resample(picture, width, height, columns, rows, filter, out.data(), columns.size * 3);
  return out;
}

}  // namespace

TEST_CASE("a window holds the same bytes as that part of the whole") {
  // Both orders of the passes, both directions, rows that do not fill a strip.
  struct Sizes {
    std::uint32_t width, height, to_width, to_height;
  };
  for (const Sizes& s : {Sizes{61, 43, 30, 21}, {20, 91, 30, 40}, {7, 5, 60, 50}, {90, 33, 33, 60}, {33, 47, 33, 20}}) {
    const Picture picture = random_picture(s.width, s.height);
    for (const Filter filter : k_filters) {
      const auto whole = window(picture, s.to_width, s.to_height, {0, s.to_width}, {0, s.to_height}, filter);
      const Span columns{5, s.to_width - 11}, rows{3, s.to_height - 7};
      const auto part = window(picture, s.to_width, s.to_height, columns, rows, filter);
      for (std::uint64_t y = 0; y < rows.size; ++y) {
        const auto* expected = whole.data() + ((rows.begin + y) * s.to_width + columns.begin) * 3;
        CHECK(std::equal(expected, expected + columns.size * 3, part.data() + y * columns.size * 3));
      }
    }
  }
}

TEST_CASE("the weights of an output sum to one, and reach no sample outside the picture") {
  for (const Filter filter : k_filters) {
    for (const auto& [in, out] : {std::pair{640u, 224u}, {224u, 640u}, {1u, 50u}, {50u, 1u}, {223u, 224u}, {9u, 9u}}) {
      const AxisWeights axis = axis_weights(in, out, {0, out}, filter);
      REQUIRE(axis.taps.size() == out);
      for (const AxisWeights::Taps& taps : axis.taps) {
        REQUIRE(taps.count > 0);
        CHECK(taps.begin + taps.count <= in);
        const auto first = axis.weights.begin() + static_cast<std::ptrdiff_t>(taps.first);
        const int sum = std::accumulate(first, first + taps.count, 0);
        CHECK(std::abs(sum - (1 << AxisWeights::k_fraction_bits)) <= static_cast<int>(taps.count));
      }
    }
  }
}

TEST_CASE("a picture of one colour keeps it, at any size") {
  for (const std::uint8_t grey : {0, 1, 127, 255}) {
    Picture picture(50, 35);
    std::fill_n(picture.row(0), picture.size_bytes(), grey);
    for (const Filter filter : k_filters) {
      for (const std::uint8_t byte : window(picture, 31, 71, {0, 31}, {0, 71}, filter)) REQUIRE(byte == grey);
    }
  }
}

TEST_CASE("a picture of the size asked for is copied") {
  const Picture picture = random_picture(40, 30);
  const auto copy = window(picture, 40, 30, {0, 40}, {0, 30}, Filter::bicubic);
  CHECK(std::equal(copy.begin(), copy.end(), picture.row(0)));
}

TEST_CASE("an extremely long picture costs no more than its window") {
  // 1,000,000 x 2 resized to 112,000,000 x 224: only the window may be computed.
  PreprocessConfig config;
  const auto prepared = preprocess_image(bmp_file(1'000'000, 2, 77), config, ImageLimits());
  REQUIRE(prepared.ok());
  CHECK(prepared->rgb == std::vector<std::uint8_t>(std::size_t{224} * 224 * 3, 77));
}

TEST_CASE("a picture smaller than the crop is set in black") {
  PreprocessConfig config = whole_picture();
  config.crop = true;
  config.crop_width = 5;
  config.crop_height = 3;
  const auto lit_columns = [&](PreprocessConfig::CropRule rule) {
    config.crop_rule = rule;
    const auto prepared = preprocess_image(bmp_file(2, 3, 200), config, ImageLimits());
    REQUIRE(prepared.ok());
    REQUIRE(prepared->rgb.size() == 5 * 3 * 3);
    std::string columns;
    for (std::size_t x = 0; x < 5; ++x) columns += prepared->rgb[x * 3] == 200 ? '#' : '.';
    return columns;
  };
  CHECK(lit_columns(PreprocessConfig::CropRule::floor) == "..##.");
  CHECK(lit_columns(PreprocessConfig::CropRule::half_even) == ".##..");
}

TEST_CASE("an odd margin is cut as the rule says") {
  // Column x of this picture holds x.
  std::string bmp = bmp_file(7, 1, 0);
  for (std::size_t x = 0; x < 7; ++x) bmp.replace(54 + 3 * x, 3, std::string(3, static_cast<char>(x)));
  PreprocessConfig config = whole_picture();
  config.crop = true;
  config.crop_height = 1;
  const auto first_column = [&](std::uint32_t crop, PreprocessConfig::CropRule rule) {
    config.crop_width = crop;
    config.crop_rule = rule;
    return int{preprocess_image(bmp, config, ImageLimits())->rgb[0]};
  };
  using Rule = PreprocessConfig::CropRule;
  CHECK(first_column(6, Rule::floor) == 0);
  CHECK(first_column(6, Rule::half_even) == 0);
  CHECK(first_column(4, Rule::floor) == 1);
  CHECK(first_column(4, Rule::half_even) == 2);
  CHECK(first_column(2, Rule::floor) == 2);
  CHECK(first_column(2, Rule::half_even) == 2);
}

}  // namespace sightline::models
