#include "picture_files.h"

#include <cstdint>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

#include "tests/source_folder.h"

namespace sightline::models {
namespace {

std::string big_endian(std::uint32_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16), static_cast<char>(number >> 8),
          static_cast<char>(number)};
}

std::string little_endian(std::uint32_t number, int bytes = 4) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i));
  return out;
}

/// CRC-32 as PNG's specification defines it, bit by bit.
std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

}  // namespace

std::string png_chunk(const std::string& type, const std::string& data) {
  return big_endian(static_cast<std::uint32_t>(data.size())) + type + data + big_endian(crc32(type + data));
}

std::string picture_file(const std::string& name) {
  std::ifstream in(source_folder() / "tests/fixtures/images" / name, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), name);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

PreprocessConfig whole_picture() {
  PreprocessConfig config;
  config.resize = PreprocessConfig::Resize::none;
  config.crop = false;
  return config;
}

std::string png_file(std::uint32_t width, std::uint32_t height, const std::string& data, const std::string& colour) {
  const std::string kind = colour + std::string(3, '\0');
  return "\x89PNG\r\n\x1A\n" + png_chunk("IHDR", big_endian(width) + big_endian(height) + kind) +
         png_chunk("IDAT", data) + png_chunk("IEND", "");
}

std::string bmp_file(std::int32_t width, std::int32_t height, std::uint8_t grey) {
  const std::size_t stride = (static_cast<std::size_t>(width) * 3 + 3) / 4 * 4;
  const std::string pixels(stride * static_cast<std::size_t>(height), static_cast<char>(grey));
  return "BM" + little_endian(static_cast<std::uint32_t>(54 + pixels.size())) + little_endian(0) + little_endian(54) +
         little_endian(40) + little_endian(static_cast<std::uint32_t>(width)) +
         little_endian(static_cast<std::uint32_t>(height)) + little_endian(1, 2) + little_endian(24, 2) +
         std::string(24, '\0') + pixels;
}

std::string patched(std::string bytes, std::size_t at, const std::string& patch) {
  REQUIRE(at + patch.size() <= bytes.size());
  return bytes.replace(at, patch.size(), patch);
}

const std::vector<std::string>& small_files() {
  static const std::vector<std::string> names{"pillow_hopper.jpg",
                                              "jpeg_progressive.jpg",
                                              "pillow_pil_sample_cmyk.jpg",
                                              "jpeg_restart.jpg",
                                              "pillow_i_trns.png",
                                              "made_png_3_2_1.png",
                                              "made_png_6_16_0.png",
                                              "pillow_made_apng.png",
                                              "pillow_made_webpa.webp",
                                              "pillow_made_webpanim.webp",
                                              "pillow_hopper_orientation_6.webp",
                                              "made_gif_inter.gif",
                                              "made_gif_sub_tr.gif",
                                              "made_bmp_8_0_few.bmp",
                                              "made_rle8_0.bmp",
                                              "made_rle4_0.bmp",
                                              "made_bf40_565.bmp",
                                              "made_bmp_core_1.bmp",
                                              "heif_420.heic",
                                              "heif_444.heic",
                                              "heif_alpha.heic",
                                              "heif_grid.heic",
                                              "heif_odd_orientation_7.heic",
                                              "heif_420.avif",
                                              "heif_alpha.avif",
                                              "heif_12bit.avif"};
  return names;
}

}  // namespace sightline::models
