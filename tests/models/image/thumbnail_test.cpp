#include "models/image/thumbnail.h"

#include <cmath>
#include <doctest/doctest.h>
#include <random>

#include "models/image/jpeg_writer.h"
#include "models/image/picture.h"
#include "models/image/resample.h"
#include "picture_files.h"

namespace sightline::models {
namespace {

Picture decoded(const std::string& file) {
  auto picture = decode_picture(file, {});
  REQUIRE(picture);
  return *std::move(picture);
}

Picture thumbnail(const std::string& file, std::uint32_t edge = 160) {
  const auto made = make_thumbnail(file, edge, {});
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  return decoded(*made);
}

/// Something with smooth parts and edges.
Picture scene(std::uint32_t width, std::uint32_t height) {
  Picture picture(width, height);
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      std::uint8_t* pixel = picture.row(y) + std::size_t{3} * x;
      pixel[0] = static_cast<std::uint8_t>(x * 255 / width);
      pixel[1] = static_cast<std::uint8_t>(128 + 100 * std::sin(y * 0.02));
      pixel[2] = (x / 97 + y / 61) % 2 ? 220 : 30;
    }
  }
  return picture;
}

double mean_difference(const Picture& a, const Picture& b) {
  REQUIRE(a.width() == b.width());
  REQUIRE(a.height() == b.height());
  double sum = 0;
  for (std::uint32_t y = 0; y < a.height(); ++y)
    for (std::size_t x = 0; x < a.row_bytes(); ++x) sum += std::abs(a.row(y)[x] - b.row(y)[x]);
  return sum / static_cast<double>(a.size_bytes());
}

}  // namespace

TEST_CASE("a thumbnail keeps the proportions, and a small picture its size") {
  CHECK(thumbnail(bmp_file(1000, 500, 9)).width() == 160);
  CHECK(thumbnail(bmp_file(1000, 500, 9)).height() == 80);
  CHECK(thumbnail(bmp_file(500, 1000, 9)).height() == 160);
  CHECK(thumbnail(bmp_file(3000, 1, 9)).height() == 1);
  CHECK(thumbnail(bmp_file(33, 21, 9)).width() == 33);
  CHECK(thumbnail(bmp_file(33, 21, 9)).height() == 21);
}

TEST_CASE("a JPEG decoded at a part of its size looks as one decoded whole") {
  const auto file = write_jpeg(scene(2000, 1400), 95);
  REQUIRE(file);
  const Picture draft = thumbnail(*file);
  const Picture whole = decoded(*file);
  Picture exact(160, 112);
  resample(whole, 160, 112, {0, 160}, {0, 112}, PreprocessConfig::Filter::bicubic, exact.row(0), exact.row_bytes());
  const auto written = write_jpeg(exact, 85);
  REQUIRE(written);
  CHECK(mean_difference(draft, decoded(*written)) < 2.5);
  ImageLimits limits;
  limits.draft_edge = 320;
  CHECK(decode_picture(*file, limits)->width() == 500);  // 1/4: 1/8 would be less than 320
  limits.draft_edge = 0;
  CHECK(decode_picture(*file, limits)->width() == 2000);
  CHECK(cost_of_thumbnail(*file, 160, {}).bytes < picture_cost(*file, {}).bytes / 2);
}

TEST_CASE("a thumbnail is turned as EXIF says, and says nothing of it itself") {
  const std::string file = picture_file("exif_6.jpg");
  const Picture plain = decoded(file), small = thumbnail(file, 1024);
  CHECK(small.width() == plain.height());
  CHECK(small.height() == plain.width());
  const auto made = make_thumbnail(file, 1024, {});
  REQUIRE(made);
  CHECK(made->find("Exif") == std::string::npos);
}

TEST_CASE("pictures that browsers cannot show have thumbnails, upright") {
  for (const char* name : {"heif_orientation_6.heic", "heif_orientation_6.avif"}) {
    CAPTURE(name);
    CHECK(thumbnail(picture_file(name)).width() == 48);
    CHECK(thumbnail(picture_file(name)).height() == 64);
    CHECK(thumbnail(picture_file(name), 32).height() == 32);
    CHECK(cost_of_thumbnail(picture_file(name), 160, {}).bytes > 0);
  }
}

TEST_CASE("transparent pixels show the background, half transparent ones a mixture") {
  ImageLimits limits;
  limits.background = std::array<std::uint8_t, 3>{10, 20, 30};
  for (const char* name : {"palette_transparent.png", "made_png_6_16_0.png", "made_gif_sub_tr.gif"}) {
    CAPTURE(name);
    const auto without = decode_picture(picture_file(name), {}), with = decode_picture(picture_file(name), limits);
    REQUIRE(without);
    REQUIRE(with);
    REQUIRE(with->size_bytes() == without->size_bytes());
    CHECK(mean_difference(*without, *with) > 0);
  }
  const std::array<std::uint8_t, 12> rgba{200, 100, 50, 0, 200, 100, 50, 255, 200, 100, 50, 51};
  std::array<std::uint8_t, 9> rgb{};
  lay_over(*limits.background, rgba.data(), 3, rgb.data());
  CHECK(rgb == std::array<std::uint8_t, 9>{10, 20, 30, 200, 100, 50, 48, 36, 34});
}

TEST_CASE("a picture without transparency is the same with a background") {
  ImageLimits limits;
  limits.background = std::array<std::uint8_t, 3>{10, 20, 30};
  for (const std::string& name : small_files()) {
    CAPTURE(name);
    const auto without = decode_picture(picture_file(name), {}), with = decode_picture(picture_file(name), limits);
    REQUIRE(with.ok() == without.ok());
    if (!with || name.find("_tr") != std::string::npos || name.find("transparent") != std::string::npos) continue;
    const bool has_alpha = name.find("png_4") != std::string::npos || name.find("png_6") != std::string::npos ||
                           name.find("_alpha") != std::string::npos;
    if (!has_alpha && name.find(".webp") == std::string::npos) CHECK(mean_difference(*without, *with) == 0);
  }
}

TEST_CASE("what cannot be decoded, or is over the limits, is refused as everywhere else") {
  ImageLimits limits;
  limits.max_pixels = 100;
  CHECK(make_thumbnail(bmp_file(33, 21, 1), 160, limits).error().code == ErrorCode::too_large);
  const auto jpeg = write_jpeg(scene(2000, 1400), 90);
  REQUIRE(jpeg);
  CHECK(make_thumbnail(*jpeg, 160, limits).error().code == ErrorCode::too_large);  // by its size, not the draft's
  const auto cut = make_thumbnail(jpeg->substr(0, jpeg->size() / 2), 160, {});
  REQUIRE_FALSE(cut);
  CHECK(cut.error().message.find("at row ") != std::string::npos);
  CHECK(make_thumbnail("text", 160, {}).error().code == ErrorCode::invalid_argument);
  CHECK(cost_of_thumbnail("text", 160, {}).bytes == 0);
}

}  // namespace sightline::models
