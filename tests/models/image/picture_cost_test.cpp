// Pictures that cost far more than they weigh: what is known of them beforehand, and what they are refused for.
#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "models/image/picture.h"
#include "picture_files.h"

namespace sightline::models {
namespace {

std::string big_endian16(std::uint32_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}
std::string little_endian16(std::uint32_t number) {
  return {static_cast<char>(number), static_cast<char>(number >> 8)};
}

/// A progressive JPEG of ten scans that says it is of another size, and whose data ends early.
std::string progressive_jpeg(std::uint32_t width, std::uint32_t height) {
  const std::string file = picture_file("jpeg_progressive.jpg");
  const std::size_t frame = file.find("\xFF\xC2");
  REQUIRE(frame != std::string::npos);
  return patched(file, frame + 5, big_endian16(height) + big_endian16(width));
}

/// `file` with its last scan `times` more.
std::string with_more_scans(std::string file, int times) {
  const std::size_t last = file.rfind("\xFF\xDA"), end = file.rfind("\xFF\xD9");
  REQUIRE(last < end);
  const std::string scan = file.substr(last, end - last);
  std::string more;
  for (int i = 0; i < times; ++i) more += scan;
  return file.insert(end, more);
}

/// A GIF with a screen of that size and one frame of `frame` x `frame` pixels of the second of two colours.
std::string gif_file(std::uint32_t width, std::uint32_t height, std::uint32_t frame) {
  std::string codes;  // clear, pixel, pixel, of three bits each, again and again; then the end
  std::uint32_t bits = 0, held = 0;
  const auto put = [&](std::uint32_t code) {
    bits |= code << held;
    for (held += 3; held >= 8; held -= 8, bits >>= 8) codes += static_cast<char>(bits & 255);
  };
  for (std::uint32_t pixel = 0; pixel < frame * frame; ++pixel) {
    if (pixel % 2 == 0) put(4);
    put(1);
  }
  put(5), put(0), put(0);
  std::string blocks;
  for (std::size_t at = 0; at < codes.size(); at += 255) {
    const std::string block = codes.substr(at, 255);
    blocks += static_cast<char>(block.size()) + block;
  }
  return "GIF89a" + little_endian16(width) + little_endian16(height) + std::string("\x80\0\0", 3) +
         std::string("\x10\x20\x30\xFF\xFF\xFF", 6) + "," + little_endian16(0) + little_endian16(0) +
         little_endian16(frame) + little_endian16(frame) + std::string("\0\x02", 2) + blocks + std::string("\0;", 2);
}

/// zlib's format without compression. Its check sum at the end is left out: the picture is complete before.
std::string stored(const std::string& data) {
  std::string out = "\x78\x01";
  for (std::size_t at = 0; at < data.size(); at += 65535) {
    const std::string block = data.substr(at, 65535);
    const auto size = static_cast<std::uint32_t>(block.size());
    out += static_cast<char>(at + block.size() == data.size());
    out += little_endian16(size) + little_endian16(~size) + block;
  }
  return out;
}

std::string grey_png(std::uint32_t edge) {
  return png_file(edge, edge, stored(std::string((std::size_t{edge} * 3 + 1) * edge, '\0')));
}

/// Leaves little address space for as long as it lives.
class TightMemory {
 public:
  TightMemory() {
    ::malloc_trim(0);  // what was freed must not do
    REQUIRE(::getrlimit(RLIMIT_AS, &before_) == 0);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit tight = before_;
    tight.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (24u << 20);
    REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  }
  ~TightMemory() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("what a picture will cost is read from its header") {
  const ImageLimits limits;
  const auto pixels = [&](const std::string& file) { return picture_cost(file, limits).pixels; };
  CHECK(pixels(gif_file(7071, 7071, 1)) == 49'999'041);
  CHECK(pixels(grey_png(100)) == 10'000);
  CHECK(pixels(bmp_file(100, 50, 7)) == 5'000);
  CHECK(pixels(picture_file("pillow_hopper_orientation_6.webp")) == 128 * 128);
  CHECK(pixels(picture_file("pillow_hopper.jpg")) == 128 * 128);
  const std::uint64_t size = 4000ull * 4000;
  CHECK(pixels(progressive_jpeg(4000, 4000)) == size + size * 10 / 8);
  CHECK(pixels(with_more_scans(progressive_jpeg(4000, 4000), 40)) == size + size * 50 / 8);
  CHECK(pixels(picture_file("heif_420.heic")) == 64 * 64 * 4);
  CHECK(pixels(picture_file("heif_grid.heic")) == 6 * 64 * 64 * 4);
  CHECK(pixels(picture_file("heif_420.avif")) == 64 * 48 * 2);
  CHECK(pixels(picture_file("heif_animated.avif")) == 32 * 32 * 2 * 4);  // of a sequence up to four frames
  for (const char* refused : {"", "BM", "GIF89a", "\xFF\xD8\xFF", "how big"}) CHECK(pixels(refused) == 0);
  CHECK(pixels(gif_file(8000, 8000, 1)) == 0);  // over the limit on pixels: refused at once
  ImageLimits of_bytes;
  of_bytes.max_bytes = grey_png(100).size() - 1;
  CHECK(picture_cost(grey_png(100), of_bytes).pixels == 0);
}

TEST_CASE("memory that decoders take beside the pixels counts") {
  ImageLimits limits;
  const auto bytes = [&](const std::string& file) { return picture_cost(file, limits).bytes; };
  const std::size_t tables = (4000 + 4000) * 32;
  CHECK(bytes(gif_file(4000, 4000, 1)) == 4000 * 4000 * 3 + tables);
  // Coefficients of two bytes: one a pixel, and two a square of 2 x 2.
  CHECK(bytes(progressive_jpeg(4000, 4000)) >= 4000 * 4000 * (3 + 3) + tables);
  CHECK(bytes(progressive_jpeg(4000, 4000)) < 4000 * 4000 * (3 + 3) + tables + (1u << 20));
  // What is read whole before it becomes colours: 16-bit grey, indices in run lengths, WebP's own rows.
  const std::string grey16 = png_file(4000, 4000, "", std::string("\x10\0", 2));
  CHECK(bytes(grey16) == 4000 * 4000 * (3 + 2) + tables);
  const std::string edge = little_endian16(4000) + little_endian16(0);
  CHECK(bytes(patched(picture_file("made_rle8_0.bmp"), 18, edge + edge)) == 4000 * 4000 * (3 + 1) + tables);
  CHECK(bytes(picture_file("pillow_hopper_orientation_6.webp")) == 128 * 128 * (3 + 1) + (128 + 128) * 32);
  // Samples of two bytes, twice; the decoder's own; red, green and blue.
  const std::size_t heic = 64 * 64 * (3 + 3 * 2 + (3 + 3)) + (64 + 64) * 32;
  CHECK(bytes(picture_file("heif_420.heic")) >= heic);
  CHECK(bytes(picture_file("heif_420.heic")) < heic + (16u << 10));
  CHECK(bytes(picture_file("heif_420.avif")) == 64 * 48 * (3 + 3) + (64 + 48) * 32);
  CHECK(bytes(picture_file("heif_animated.avif")) == 32 * 32 * 3 + 32 * 32 * 3 / 2 * (1 + 4) + (32 + 32) * 32);
  limits.apply_exif_orientation = true;
  CHECK(bytes(gif_file(4000, 4000, 1)) == 2 * (4000 * 4000 * 3 + tables));
}

TEST_CASE("a JPEG of more scans than may be is refused before it is decoded") {
  const std::string file = with_more_scans(progressive_jpeg(4000, 4000), 400);
  const auto refused = preprocess_image(file, PreprocessConfig(), {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(refused.error().message == "JPEG has more than 100 scans, the limit (--max-image-scans): save it with fewer");
  CHECK(picture_cost(file, {}).pixels == 0);
  ImageLimits limits;
  limits.max_scans = 11;
  CHECK(preprocess_image(with_more_scans(picture_file("jpeg_progressive.jpg"), 1), PreprocessConfig(), limits).ok());
  limits.max_scans = 10;
  CHECK(preprocess_image(picture_file("jpeg_progressive.jpg"), PreprocessConfig(), limits).ok());
  limits.max_scans = 9;
  CHECK_FALSE(preprocess_image(picture_file("jpeg_progressive.jpg"), PreprocessConfig(), limits).ok());
}

TEST_CASE("a picture that takes too long to decode is refused") {
  ImageLimits limits;
  limits.max_bytes = 64u << 20;
  limits.max_time = std::chrono::milliseconds(1);
  const std::vector<std::pair<std::string, std::string>> files{{"JPEG", progressive_jpeg(4000, 4000)},
                                                               {"PNG", grey_png(1200)},
                                                               {"GIF", gif_file(2000, 2000, 2000)},
                                                               {"BMP", bmp_file(3000, 3000, 7)}};
  for (const auto& [format, file] : files) {
    CAPTURE(format);
    const auto refused = decode_picture(file, limits);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::invalid_argument);
    CHECK(refused.error().message ==
          format +
              " takes more than 1 ms to decode (--image-timeout): send it in a smaller size, or in another format");
  }
  limits.max_time = std::chrono::milliseconds(0);
  CHECK(decode_picture(bmp_file(3000, 3000, 7), limits).ok());
  CHECK(decode_picture(gif_file(2000, 2000, 2000), limits).ok());
}

TEST_CASE("a frame in the corner of a large screen leaves the rest in the background's colour") {
  const auto picture = decode_picture(gif_file(5, 3, 2), {});
  REQUIRE(picture.ok());
  for (std::uint32_t y = 0; y < 3; ++y) {
    for (std::uint32_t x = 0; x < 5; ++x) {
      const std::uint8_t* const pixel = picture->row(y) + std::size_t{x} * 3;
      const bool in_frame = x < 2 && y < 2;
      CHECK(std::string(pixel, pixel + 3) == (in_frame ? "\xFF\xFF\xFF" : "\x10\x20\x30"));
    }
  }
}

#ifndef __SANITIZE_ADDRESS__  // its own memory is not to be bounded
TEST_CASE("no memory for a picture is the server's fault, not the picture's") {
  // Each takes a block far larger than any that earlier tests may have left behind in the heap.
  const std::vector<std::string> files{progressive_jpeg(7000, 7000), gif_file(7000, 7000, 1),
                                       png_file(7000, 7000, stored("too little"))};
  std::vector<Error> errors;
  {
    const TightMemory tight;
    for (const std::string& file : files) {
      const auto refused = preprocess_image(file, PreprocessConfig(), {});
      if (!refused) errors.push_back(refused.error());
    }
  }
  REQUIRE(errors.size() == files.size());
  for (const Error& error : errors) {
    CHECK(error.code == ErrorCode::overloaded);
    CHECK(error.message == "out of memory for decoding it: retry the request later");
  }
}

TEST_CASE("a PNG whose data are in more than a million chunks takes no memory for them") {
  const std::string good = png_file(1, 1, stored(std::string("\0\x10\x20\x30", 4))), empty = png_chunk("IDAT", "");
  const std::size_t data = good.find("IDAT") - 4;
  std::string file = good.substr(0, data);
  while (file.size() < 20'000'000 - good.size()) file += empty;
  file += good.substr(data);
  const TightMemory tight;
  const auto picture = decode_picture(file, {});
  REQUIRE_MESSAGE(picture.ok(), picture.error().message);
  CHECK(picture->row(0)[2] == 0x30);
}
#endif

}  // namespace sightline::models
