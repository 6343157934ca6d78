// Variants of PNG, GIF, BMP and EXIF that the formats do not define, or forbid, and that Pillow reads: the expected pixels
// are Pillow 13's.
#include <doctest/doctest.h>
#include <string>
#include <string_view>

#include "models/image/orientation.h"
#include "models/image/preprocess.h"
#include "picture_files.h"
#include "tests/base/has_text.h"

namespace sightline::models {
namespace {

using namespace std::string_literals;

std::string big_endian(std::uint32_t number, int bytes = 4) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i));
  return out;
}

std::string little_endian(std::uint32_t number, int bytes = 4) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i));
  return out;
}

/// A zlib stream that is not compressed.
std::string stored(const std::string& bytes) {
  std::uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<std::uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return "\x78\x01\x01" + little_endian(size, 2) + little_endian(~size, 2) + bytes + big_endian(b << 16 | a);
}

/// A PNG of one row. `colour`: the bits of a sample and the type.
std::string png_row(std::uint32_t width, const std::string& colour, const std::string& before_data,
                    const std::string& row, const std::string& behind = "") {
  return "\x89PNG\r\n\x1A\n" + png_chunk("IHDR", big_endian(width) + big_endian(1) + colour + std::string(3, '\0')) +
         before_data + png_chunk("IDAT", stored('\0' + row)) + behind + png_chunk("IEND", "");
}

/// Red, green and blue of every pixel.
std::string pixels_of(const std::string& file) {
  const auto picture = preprocess_image(file, whole_picture(), ImageLimits());
  REQUIRE_MESSAGE(picture.ok(), picture.error().message);
  return {picture->rgb.begin(), picture->rgb.end()};
}

std::string fault_of(const std::string& file) {
  const auto picture = preprocess_image(file, whole_picture(), ImageLimits());
  REQUIRE_FALSE(picture.ok());
  return picture.error().message;
}

/// `entries` colours: 3 N, 3 N + 1, 3 N + 2.
std::string colours(int entries) {
  std::string out;
  for (int i = 0; i < 3 * entries; ++i) out += static_cast<char>(i);
  return out;
}

std::string grey_steps(int entries, int bytes = 3) {
  std::string out;
  for (int i = 0; i < entries; ++i) out += std::string(3, static_cast<char>(i)) + std::string(bytes - 3, '\0');
  return out;
}

/// EXIF with one entry, the orientation.
std::string exif(const std::string& start, std::uint32_t type, std::uint32_t count, const std::string& value,
                 const std::string& behind = "") {
  const bool is_big = start.starts_with('M');
  const auto number = [&](std::uint32_t n, int bytes) {
    return is_big ? big_endian(n, bytes) : little_endian(n, bytes);
  };
  return start + number(8, 4) + number(1, 2) + number(0x112, 2) + number(type, 2) + number(count, 4) +
         (value + std::string(4, '\0')).substr(0, 4) + number(0, 4) + behind;
}

const std::string k_little = "II*\0"s, k_big = "MM\0*"s;

/// A GIF of one row of indices, with 128 colours per palette.
std::string gif_row(const std::string& indices, const std::string& global, const std::string& local) {
  const std::string size = little_endian(static_cast<std::uint32_t>(indices.size()), 2) + little_endian(1, 2);
  const std::string codes = "\x80" + indices + "\x81";  // of 8 bits each: begin, the indices, end
  return "GIF89a" + size + (global.empty() ? "\x70" : "\xF6") + "\0\0"s + global + "," + std::string(4, '\0') + size +
         (local.empty() ? "\0"s : "\x86") + local + "\x07" + static_cast<char>(codes.size()) + codes + "\0;"s;
}

/// A BMP of one row of eight bits per pixel.
std::string bmp_row(const std::string& indices, std::uint32_t entries, const std::string& palette) {
  const auto begin = static_cast<std::uint32_t>(54 + palette.size());
  return "BM" + little_endian(begin + 4) + little_endian(0) + little_endian(begin) + little_endian(40) +
         little_endian(static_cast<std::uint32_t>(indices.size())) + little_endian(1) + little_endian(1, 2) +
         little_endian(8, 2) + std::string(16, '\0') + little_endian(entries) + little_endian(0) + palette + indices;
}

}  // namespace

TEST_CASE("a PNG's palette may have more entries than its depth allows, an incomplete one, or be absent") {
  const std::string four_bits = "\x04\x03"s, one_bit = "\x01\x03"s;
  CHECK(pixels_of(png_row(2, four_bits, png_chunk("PLTE", colours(20)), "\x2F")) == "\x06\x07\x08\x2D\x2E\x2F");
  CHECK(pixels_of(png_row(2, one_bit, png_chunk("PLTE", colours(256)), "\x40")) == "\0\1\2\3\4\5"s);
  CHECK(pixels_of(png_row(2, four_bits, png_chunk("PLTE", colours(2) + "\x50"), "\x12")) == "\3\4\5\0\0\0"s);
  CHECK(pixels_of(png_row(2, four_bits, "", "\x12")) == std::string(6, '\0'));
  CHECK(pixels_of(png_row(2, four_bits, png_chunk("PLTE", "\x50"), "\x12")) == std::string(6, '\0'));
  CHECK(pixels_of(png_row(2, four_bits, png_chunk("PLTE", colours(9)) + png_chunk("PLTE", colours(1) + colours(9)),
                          "\x12")) == "\0\1\2\3\4\5"s);
  has(fault_of(png_row(2, "\x08\x03", png_chunk("PLTE", std::string(771, 'x')), "\1\2")), "PNG is broken");
  // Pictures of other kinds do not use theirs.
  CHECK(pixels_of(png_row(2, "\x08\x00"s, png_chunk("PLTE", "\x50"), "ab")) == "aaabbb");
  CHECK(pixels_of(png_row(1, "\x08\x02", png_chunk("PLTE", "\x50"), "abc")) == "abc");
}

TEST_CASE("transparent colours of a shortened palette are shortened with it") {
  ImageLimits limits;
  limits.background = {9, 9, 9};
  const std::string file =
      png_row(2, "\x01\x03", png_chunk("PLTE", colours(4)) + png_chunk("tRNS", "\0\xFF\xFF\xFF"s), "\x40");
  const auto picture = preprocess_image(file, whole_picture(), limits);
  REQUIRE_MESSAGE(picture.ok(), picture.error().message);
  CHECK(std::string(picture->rgb.begin(), picture->rgb.end()) == "\x09\x09\x09\3\4\5");
}

TEST_CASE("the EXIF of a PNG counts before and after the data") {
  ImageLimits upright;
  upright.apply_exif_orientation = true;
  const auto height_in = [&](const std::string& file) {
    const auto picture = preprocess_image(file, whole_picture(), upright);
    REQUIRE_MESSAGE(picture.ok(), picture.error().message);
    return picture->height;
  };
  const auto height_of = [&](const std::string& before, const std::string& behind) {
    return height_in(png_row(2, "\x08\x00"s, before, "ab", behind));
  };
  const std::string turned = png_chunk("eXIf", exif(k_little, 3, 1, "\x06")),
                    plain = png_chunk("eXIf", exif(k_little, 3, 1, "\x01"));
  CHECK(height_of("", "") == 1);
  CHECK(height_of(turned, "") == 2);
  CHECK(height_of("", png_chunk("tEXt", "a") + turned) == 2);
  CHECK(height_of(plain, turned) == 2);
  CHECK(height_of(turned, plain) == 1);
  CHECK(height_of("", png_chunk("fcTL", std::string(26, '\0')) + turned) == 1);  // of another picture
  const std::string whole = png_row(2, "\x08\x00"s, "", "ab", turned);
  CHECK(height_in(whole.substr(0, whole.size() - 12)) == 2);
  CHECK(height_in(whole.substr(0, whole.size() - 13)) == 1);
}

TEST_CASE("the orientation may have any type of integer, and several values of which the first counts") {
  for (const std::string& start : {k_little, k_big}) {
    const auto value = [&](int bytes) { return start == k_big ? big_endian(6, bytes) : little_endian(6, bytes); };
    for (const auto& [type, bytes] : {std::pair{3u, 2}, {4u, 4}, {6u, 1}, {8u, 2}, {9u, 4}, {13u, 4}}) {
      CHECK(exif_orientation(exif(start, type, 1, value(bytes))) == 6);
    }
    for (const std::uint32_t other : {0u, 1u, 2u, 7u, 99u}) {
      CHECK(exif_orientation(exif(start, other, 1, value(1))) == 1);
    }
    CHECK(exif_orientation("Exif\0\0Exif\0\0"s + exif(start, 3, 1, value(2))) == 6);
    CHECK(exif_orientation(exif(start, 3, 2, value(2))) == 6);
    CHECK(exif_orientation(exif(start, 3, 0, value(2))) == 1);
    const std::string at = start == k_big ? big_endian(26) : little_endian(26);
    CHECK(exif_orientation(exif(start, 3, 3, at, value(2) + "1234")) == 6);
    CHECK(exif_orientation(exif(start, 3, 3, at, value(2) + "12")) == 1);
    CHECK(exif_orientation(exif(start, 3, 0xFFFFFFFF, at, value(2))) == 1);
  }
  CHECK(exif_orientation(exif(k_little, 8, 1, "\xFA\xFF")) == 1);  // -6
  CHECK(exif_orientation(exif("MM*\0"s, 3, 1, "\0\x06"s)) == 6);
  CHECK(exif_orientation(exif("II\0*"s, 3, 1, "\x06")) == 6);
  for (const std::string& start : {"II\0\0"s, "II+\0"s, "MM\0\0"s, "XX*\0"s}) {
    CHECK(exif_orientation(exif(start, 3, 1, "\x06\x06")) == 1);
  }
}

TEST_CASE("a GIF's palette of grey steps is replaced by the screen's, or by all greys") {
  const std::string indices = "\x01\x7F";
  const std::string coloured = "\x03\x04\x05\x7D\x7E\x7F", grey = "\x01\x01\x01\x7F\x7F\x7F";
  CHECK(pixels_of(gif_row(indices, colours(128), "")).substr(0, 3) == coloured.substr(0, 3));
  CHECK(pixels_of(gif_row(indices, colours(128), grey_steps(128))).substr(0, 3) == coloured.substr(0, 3));
  CHECK(pixels_of(gif_row(indices, grey_steps(128), "")) == grey);
  CHECK(pixels_of(gif_row(indices, grey_steps(128), grey_steps(128))) == grey);
  CHECK(pixels_of(gif_row(indices, "", grey_steps(128))) == grey);
}

TEST_CASE("a BMP's palette of grey steps stands for all greys, and any other has at most 256 colours") {
  const std::string indices = "\x01\x10\xC8\xFF";
  const std::string greys = "\x01\x01\x01\x10\x10\x10\xC8\xC8\xC8\xFF\xFF\xFF";
  for (const int entries : {16, 200, 256, 300}) {
    CHECK(pixels_of(bmp_row(indices, static_cast<std::uint32_t>(entries), grey_steps(entries, 4))) == greys);
  }
  CHECK(pixels_of(bmp_row(indices, 2, grey_steps(2, 4))) == "\1\1\1"s + std::string(9, '\0'));
  const std::string other = std::string(4, '\x05');
  CHECK(pixels_of(bmp_row(indices, 17, other + grey_steps(16, 4))) ==
        std::string(3, '\0') + "\x0F\x0F\x0F" + std::string(6, '\0'));
  CHECK(fault_of(bmp_row(indices, 257, other + grey_steps(256, 4))) == "BMP is broken: its palette has 257 colours");
}

TEST_CASE("compression 3 of OS/2, and masks of zero with 24 bits, are no bit fields") {
  const std::string bmp = bmp_file(4, 4, 0);
  std::string os2 = patched(patched(patched(bmp, 14, "\x40"), 10, "\x4E"), 30, "\x03");
  os2.insert(54, std::string(24, '\0'));
  CHECK(pixels_of(patched(os2, 30, "\0"s)).size() == 48);
  CHECK(fault_of(os2) == "BMP of OS/2 has compression 3, Huffman's code, which is not read");
  std::string masks = patched(patched(bmp, 10, "\x42"), 30, "\x03");
  masks.insert(54, std::string(12, '\0'));
  CHECK(fault_of(masks) == "BMP has unusual bit fields, which is not read");
  for (const auto& [red, is_read] : {std::pair{0xFF0000u, true}, {0xFF000000u, false}}) {
    const std::string file = patched(masks, 54, little_endian(red) + little_endian(0xFF00) + little_endian(0xFF));
    CHECK(preprocess_image(file, whole_picture(), ImageLimits()).ok() == is_read);
  }
}

}  // namespace sightline::models
