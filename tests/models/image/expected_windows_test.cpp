// Windows whose bytes were made with Pillow 13 and Hugging Face's CLIPImageProcessor.
#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <sstream>

#include "base/sha256.h"
#include "picture_files.h"

namespace sightline::models {
namespace {

struct Expectation {
  std::string file, sha256;
  PreprocessConfig config;
  ImageLimits limits;
};

Expectation parse(const std::string& line) {
  static const std::map<std::string, PreprocessConfig::Resize> resizes{
      {"shortest_edge", PreprocessConfig::Resize::shortest_edge},
      {"exact", PreprocessConfig::Resize::exact},
      {"none", PreprocessConfig::Resize::none}};
  static const std::map<std::string, PreprocessConfig::Filter> filters{
      {"nearest", PreprocessConfig::Filter::nearest},   {"lanczos", PreprocessConfig::Filter::lanczos},
      {"bilinear", PreprocessConfig::Filter::bilinear}, {"bicubic", PreprocessConfig::Filter::bicubic},
      {"box", PreprocessConfig::Filter::box},           {"hamming", PreprocessConfig::Filter::hamming}};
  std::istringstream words(line);
  Expectation expected;
  std::string resize, crop, filter, orientation;
  PreprocessConfig& config = expected.config;
  words >> expected.file >> resize >> config.resize_width >> config.resize_height >> crop >> config.crop_width >>
      config.crop_height >> filter >> orientation >> expected.sha256;
  REQUIRE(!words.fail());
  config.resize = resizes.at(resize);
  config.filter = filters.at(filter);
  config.crop = crop != "none";
  config.crop_rule = crop == "half_even" ? PreprocessConfig::CropRule::half_even : PreprocessConfig::CropRule::floor;
  expected.limits.apply_exif_orientation = orientation == "upright";
  return expected;
}

}  // namespace

TEST_CASE("every window equals the reference's, byte for byte") {
  std::istringstream lines(picture_file("expected.txt"));
  std::string line;
  int compared = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with('#')) continue;
    CAPTURE(line);
    const Expectation expected = parse(line);
    const auto window = preprocess_image(picture_file(expected.file), expected.config, expected.limits);
    if (!window.ok()) {
      FAIL_CHECK(window.error().message);
      continue;
    }
    CHECK(window->rgb.size() == std::size_t{3} * window->width * window->height);
    const std::string_view bytes(reinterpret_cast<const char*>(window->rgb.data()), window->rgb.size());
    CHECK(sha256_hex(bytes) == expected.sha256);
    ++compared;
  }
  CHECK(compared == 299);
}

TEST_CASE("a window tells its own size and the picture's") {
  PreprocessConfig config;
  config.crop_width = 200;
  config.crop_height = 100;
  const auto window = preprocess_image(picture_file("jpeg_q30.jpg"), config, ImageLimits());
  REQUIRE(window.ok());
  CHECK(window->width == 200);
  CHECK(window->height == 100);
  CHECK(window->source_width == 317);
  CHECK(window->source_height == 241);
}

TEST_CASE("the orientation is applied only where it is asked for, in JPEG and WebP") {
  // Both files lie on their side: orientation 6.
  for (const char* name : {"exif_6.jpg", "pillow_hopper_orientation_6.webp"}) {
    ImageLimits upright;
    upright.apply_exif_orientation = true;
    const auto as_stored = preprocess_image(picture_file(name), whole_picture(), ImageLimits());
    const auto turned = preprocess_image(picture_file(name), whole_picture(), upright);
    REQUIRE(as_stored.ok());
    REQUIRE(turned.ok());
    REQUIRE(turned->width == as_stored->height);
    REQUIRE(turned->height == as_stored->width);
    // A quarter clockwise: the top left corner comes from the bottom left.
    const std::size_t bottom_left = std::size_t{3} * as_stored->width * (as_stored->height - 1);
    CHECK(std::equal(turned->rgb.begin(), turned->rgb.begin() + 3, as_stored->rgb.begin() + bottom_left));
  }
}

}  // namespace sightline::models
