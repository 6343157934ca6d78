#include "models/image/orientation.h"

#include <cstring>
#include <optional>
#include <utility>

#include "models/image/bytes.h"

namespace sightline::models {

namespace {

using namespace std::string_view_literals;

/// True for little endian; nothing if this is no TIFF header. As in Pillow, the number after the letters may have the
/// wrong byte order, and BigTIFF's counts in one of them.
std::optional<bool> is_little_endian(std::string_view tiff) {
  for (const std::string_view start : {"II*\0"sv, "II\0*"sv}) {
    if (tiff.starts_with(start)) return true;
  }
  for (const std::string_view start : {"MM\0*"sv, "MM*\0"sv, "MM\0+"sv}) {
    if (tiff.starts_with(start)) return false;
  }
  return std::nullopt;
}

/// Bytes per value of the types of integers that Pillow compares; 0: another type.
std::uint32_t integer_bytes(std::uint32_t type) {
  enum : std::uint32_t {
    k_short = 3,
    k_long = 4,
    k_signed_byte = 6,
    k_signed_short = 8,
    k_signed_long = 9,
    k_ifd = 13
  };
  switch (type) {
    case k_signed_byte:
      return 1;
    case k_short:
    case k_signed_short:
      return 2;
    case k_long:
    case k_signed_long:
    case k_ifd:
      return 4;
    default:
      return 0;
  }
}

}  // namespace

int exif_orientation(std::string_view exif) {
  constexpr std::string_view k_mark("Exif\0\0", 6);
  for (int marks = 0; marks < 2 && exif.starts_with(k_mark); ++marks) exif.remove_prefix(k_mark.size());
  const std::optional<bool> order = is_little_endian(exif);
  if (!order) return 1;

  const bool little = *order;
  const Bytes tiff(exif);
  const auto u16 = [&](std::size_t at) { return little ? tiff.u16_le(at) : tiff.u16_be(at); };
  const auto u32 = [&](std::size_t at) { return little ? tiff.u32_le(at) : tiff.u32_be(at); };
  const std::size_t directory = u32(4);
  const std::size_t entries = u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) break;
    constexpr std::uint32_t k_orientation = 0x0112, k_room = 4;
    const std::uint64_t count = u32(entry + 4);
    if (u16(entry) != k_orientation || count == 0) continue;
    const std::uint32_t bytes = integer_bytes(u16(entry + 2));
    if (bytes == 0) return 1;
    // Several values that have no room in the entry are elsewhere. The first one counts. Negative ones are too large.
    const std::size_t at = count * bytes <= k_room ? entry + 8 : u32(entry + 8);
    if (count * bytes > k_room && at + count * bytes > tiff.size()) return 1;
    const std::uint32_t value = bytes == 1 ? tiff.u8(at) : bytes == 2 ? u16(at) : u32(at);
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
