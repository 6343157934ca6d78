#include "ingest/picture_turn.h"

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/source_folder.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

std::string big_endian(std::size_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(number >> (8 * i) & 0xFF);
  return text;
}

/// An EXIF block with nothing but that orientation.
std::string exif(int orientation) {
  return std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + static_cast<char>(orientation) +
         std::string(7, '\0');
}

std::string segment(char marker, const std::string& data) {
  return std::string("\xFF") + marker + big_endian(data.size() + 2, 2) + data;
}

std::string jpeg(const std::string& segments) {
  return "\xFF\xD8" + segments + segment('\xDA', "scan") + "pixels";
}

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(data.size(), 4) + type + data + "crc.";
}

std::string png(const std::string& chunks) {
  return "\x89PNG\r\n\x1A\n" + chunk("IHDR", std::string(13, 'x')) + chunks + chunk("IEND", "");
}

std::string riff_chunk(const std::string& type, const std::string& data) {
  const std::string size = big_endian(data.size(), 4);
  return type + std::string(size.rbegin(), size.rend()) + data + (data.size() % 2 == 1 ? std::string(1, '\0') : "");
}

std::string webp(const std::string& chunks) {
  return "RIFFsizeWEBP" + chunks;
}

}  // namespace

TEST_CASE("a turn is found in JPEG, PNG and WebP, where the decoders look for it") {
  const std::string mark("Exif\0\0", 6);
  for (int orientation = 0; orientation <= 9; ++orientation) {
    CAPTURE(orientation);
    const bool turned = orientation >= 2 && orientation <= 8;
    CHECK(is_turned(jpeg(segment('\xE0', "JFIF") + segment('\xE1', mark + exif(orientation)))) == turned);
    CHECK(is_turned(png(chunk("eXIf", exif(orientation)) + chunk("IDAT", "x"))) == turned);
    CHECK(is_turned(webp(riff_chunk("VP8 ", "odd") + riff_chunk("EXIF", exif(orientation)))) == turned);
  }
  // Another APP1 (XMP) does not hide it; behind the picture's data it does not count.
  CHECK(is_turned(jpeg(segment('\xE1', "http://ns.adobe.com/xap/1.0/") + "\xFF" + segment('\xE1', mark + exif(6)))));
  CHECK_FALSE(is_turned(jpeg(segment('\xDA', "scan") + segment('\xE1', mark + exif(6)))));
  CHECK_FALSE(is_turned(png(chunk("IDAT", "x") + chunk("eXIf", exif(6)))));
}

TEST_CASE("an AVIF is turned by its container, and a HEIC never has a turn left to make") {
  const auto file = [](const char* name) {
    std::ifstream in(source_folder() / "tests/fixtures/images" / name, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  };
  CHECK(is_turned(file("heif_orientation_6.avif")));
  CHECK(is_turned(file("heif_orientation_5.avif")));
  CHECK_FALSE(is_turned(file("heif_420.avif")));
  CHECK_FALSE(is_turned(file("heif_orientation_6.heic")));
  CHECK_FALSE(is_turned(file("heif_orientation_6.avif").substr(0, 200)));
}

TEST_CASE("broken files carry no turn") {
  const std::string whole = jpeg(segment('\xE1', std::string("Exif\0\0", 6) + exif(6)));
  for (std::size_t length = 0; length < 40; ++length) {
    const std::string cut = whole.substr(0, length);
    CHECK(is_turned(cut) == (length >= 34));  // as long as its entry is there
  }
  CHECK_FALSE(is_turned(""));
  CHECK_FALSE(is_turned("\xFF\xD8\xFF\xE1\xFF\xFF"));
  CHECK_FALSE(is_turned("RIFF"));
  CHECK_FALSE(is_turned("GIF89a"));
}
