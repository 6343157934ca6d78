#include "models/image/orientation.h"

#include <cstring>
#include <utility>

#include "models/image/bytes.h"

namespace sightline::models {

int exif_orientation(std::string_view exif) {
  constexpr std::string_view k_mark("Exif\0\0", 6);
  if (exif.starts_with(k_mark)) exif.remove_prefix(k_mark.size());
  const bool little = exif.starts_with("II");
  if (!little && !exif.starts_with("MM")) return 1;

  const Bytes tiff(exif);
  const auto u16 = [&](std::size_t at) { return little ? tiff.u16_le(at) : tiff.u16_be(at); };
  const auto u32 = [&](std::size_t at) { return little ? tiff.u32_le(at) : tiff.u32_be(at); };
  const std::size_t directory = u32(4);
  const std::size_t entries = u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) break;
    constexpr std::uint32_t k_orientation = 0x0112, k_short = 3, k_long = 4;
    if (u16(entry) != k_orientation) continue;
    const std::uint32_t type = u16(entry + 2);
    const std::uint32_t value = type == k_short ? u16(entry + 8) : type == k_long ? u32(entry + 8) : 0;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture turned_upright(Picture picture) {
  const int orientation = std::exchange(picture.orientation, 1);
  if (orientation == 1) return picture;
  // The position in the source of the turned picture's pixel (x, y), for each value (EXIF 2.32, 4.6.4 A).
  const bool swaps_axes = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;

  const std::uint32_t width = swaps_axes ? picture.height() : picture.width();
  const std::uint32_t height = swaps_axes ? picture.width() : picture.height();
  Picture turned(width, height);
  for (std::uint32_t y = 0; y < height; ++y) {
    std::uint8_t* out = turned.row(y);
    for (std::uint32_t x = 0; x < width; ++x, out += 3) {
      const std::uint32_t across = swaps_axes ? y : x, down = swaps_axes ? x : y;
      const std::uint32_t source_x = from_right ? picture.width() - 1 - across : across;
      const std::uint32_t source_y = from_bottom ? picture.height() - 1 - down : down;
      std::memcpy(out, picture.row(source_y) + std::size_t{source_x} * 3, 3);
    }
  }
  return turned;
}

}  // namespace sightline::models
