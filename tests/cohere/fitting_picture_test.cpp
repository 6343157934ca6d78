#include "server/cohere/fitting_picture.h"

#include <doctest/doctest.h>
#include <random>

#include "models/image/jpeg_writer.h"
#include "models/image/picture.h"
#include "tests/models/image/picture_files.h"

namespace sightline::cohere {
namespace {

models::Picture noise(std::uint32_t width, std::uint32_t height) {
  std::mt19937 random(1);
  models::Picture picture(width, height);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < picture.row_bytes(); ++x) picture.row(y)[x] = static_cast<std::uint8_t>(random());
  return picture;
}

}  // namespace

TEST_CASE("pictures of Cohere's formats and size fit as they are, others do not") {
  CHECK(media_type("\xFF\xD8\xFF\xE0 and so on") == "image/jpeg");
  CHECK(media_type("\x89PNG\r\n\x1A\n...") == "image/png");
  CHECK(media_type("RIFF\1\1\1\1WEBPVP8 ") == "image/webp");
  CHECK(media_type("GIF89a...") == "image/gif");
  for (const char* other :
       {"", "R", "RIFF\1\1\1\1AVI ", "BM......", "II*\1", "how big", "\1\1\1\1\x66typheic", "\1\1\1\1\x66typavif"})
    CHECK(media_type(other).empty());
  std::string jpeg = "\xFF\xD8\xFF\xE0";
  jpeg.resize(k_max_picture_bytes);
  CHECK(fits(jpeg));
  jpeg.push_back('x');
  CHECK_FALSE(fits(jpeg));
}

TEST_CASE(
    "a picture of a format that Cohere does not take becomes a JPEG of "
    "the same pixels") {
  for (const char* phone : {"heif_orientation_6.heic", "heif_12bit.avif"}) {
    const std::string file = models::picture_file(phone);
    CHECK_FALSE(fits(file));
    const auto converted = fitted(file, {});
    REQUIRE(converted);
    CHECK(media_type(*converted) == "image/jpeg");
    CHECK(models::decode_picture(*converted, {})->width() == models::decode_picture(file, {})->width());
  }
  const std::string bmp = models::bmp_file(33, 21, 200);
  CHECK_FALSE(fits(bmp));
  const auto jpeg = fitted(bmp, {});
  REQUIRE(jpeg);
  CHECK(fits(*jpeg));
  const auto picture = models::decode_picture(*jpeg, {});
  REQUIRE(picture);
  CHECK(picture->width() == 33);
  CHECK(picture->height() == 21);
  for (std::uint32_t y = 0; y < 21; ++y)
    for (std::size_t x = 0; x < picture->row_bytes(); ++x) CHECK(std::abs(picture->row(y)[x] - 200) <= 2);
}

TEST_CASE(
    "a picture of too many bytes is shrunk, in its own proportions, "
    "until it fits") {
  const auto large = models::write_jpeg(noise(3000, 1500), 98);
  REQUIRE(large);
  REQUIRE(large->size() > k_max_picture_bytes);
  const auto jpeg = fitted(*large, {});
  REQUIRE(jpeg);
  CHECK(fits(*jpeg));
  const auto picture = models::decode_picture(*jpeg, {});
  REQUIRE(picture);
  CHECK(picture->width() * picture->height() <= k_max_picture_pixels);
  CHECK(picture->width() * picture->height() > k_max_picture_pixels * 99 / 100);
  CHECK(picture->width() / 2 == doctest::Approx(picture->height()).epsilon(0.002));
}

TEST_CASE(
    "what cannot be decoded, or is over the limits, is refused as "
    "everywhere else") {
  const auto text = fitted("not a picture", {});
  REQUIRE_FALSE(text);
  CHECK(text.error().message.find("not a supported picture") != std::string::npos);
  const auto cut = fitted(models::bmp_file(33, 21, 200).substr(0, 500), {});
  REQUIRE_FALSE(cut);
  CHECK(cut.error().code == ErrorCode::invalid_argument);
  models::ImageLimits limits;
  limits.max_pixels = 100;
  const auto many = fitted(models::bmp_file(33, 21, 200), limits);
  REQUIRE_FALSE(many);
  CHECK(many.error().code == ErrorCode::too_large);
}

}  // namespace sightline::cohere
