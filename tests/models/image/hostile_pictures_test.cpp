// Whatever the bytes: a window of the right size or an error with a message, and nothing else. Sanitizer
// builds make these tests sharper.
#include <doctest/doctest.h>
#include <random>

#include "picture_files.h"

namespace sightline::models {
namespace {

ImageLimits small_limits() {
  ImageLimits limits;
  limits.max_pixels = 1'000'000;  // keeps lies about the size cheap
  limits.apply_exif_orientation = true;
  return limits;
}

/// True if it was read. Checks what must hold either way.
bool reads(const std::string& bytes) {
  PreprocessConfig config;
  config.resize_width = config.resize_height = config.crop_width = config.crop_height = 32;
  const auto window = preprocess_image(bytes, config, small_limits());
  if (window.ok()) {
    REQUIRE(window->rgb.size() == 32 * 32 * 3);
  } else {
    REQUIRE(!window.error().message.empty());
    REQUIRE(window.error().code != ErrorCode::internal);
  }
  return window.ok();
}

}  // namespace

TEST_CASE("a file cut anywhere is an error or a picture, never a crash") {
  for (const std::string& name : small_files()) {
    CAPTURE(name);
    const std::string bytes = picture_file(name);
    CHECK(reads(bytes));
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / 2000);
    std::size_t read = 0;
    for (std::size_t length = 0; length < bytes.size(); length += step) read += reads(bytes.substr(0, length));
    // Only what comes after the pixels may be missing: checksums, end marks, other frames.
    const bool has_more_frames = name.find("apng") != std::string::npos;
    if (!has_more_frames) CHECK(read <= 32 / step + 1);
    CHECK_FALSE(reads(bytes.substr(0, bytes.size() / 3)));
  }
}

TEST_CASE("random damage is an error or a picture, never a crash") {
  std::mt19937 random(20240607);
  const auto up_to = [&random](std::size_t limit) { return random() % limit; };
  for (const std::string& name : small_files()) {
    CAPTURE(name);
    const std::string bytes = picture_file(name);
    for (int round = 0; round < 150; ++round) {
      std::string damaged = bytes;
      // Headers are small: half of the damage goes to the first bytes.
      const std::size_t reach = up_to(2) == 0 ? std::min<std::size_t>(damaged.size(), 200) : damaged.size();
      for (std::size_t hits = 1 + up_to(8); hits > 0; --hits) damaged[up_to(reach)] = static_cast<char>(random());
      reads(damaged);
    }
  }
}

TEST_CASE("data glued to the end of a picture, and one picture glued to another, change nothing") {
  for (const std::string& name : small_files()) {
    CAPTURE(name);
    const std::string bytes = picture_file(name);
    const auto alone = preprocess_image(bytes, PreprocessConfig(), small_limits());
    const auto longer = preprocess_image(bytes + bytes, PreprocessConfig(), small_limits());
    REQUIRE(alone.ok());
    REQUIRE(longer.ok());
    CHECK(alone->rgb == longer->rgb);
  }
}

}  // namespace sightline::models
