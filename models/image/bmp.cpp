// BMP in the variants that Pillow reads: 1, 4, 8, 16, 24 and 32 bits per pixel, run lengths, bit fields, both row
// orders.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "models/image/bytes.h"
#include "models/image/decode_time.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

enum Compression : std::uint32_t { k_plain = 0, k_rle8 = 1, k_rle4 = 2, k_bit_fields = 3 };

constexpr std::size_t k_file_header_bytes = 14, k_core_header_bytes = 12, k_info_header_bytes = 40,
                      k_os2_header_bytes = 64;

struct BmpHeader {
  std::uint64_t width = 0, height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;  ///< per pixel
  std::uint32_t compression = k_plain;
  std::array<std::uint32_t, 3> masks{0xFF0000, 0xFF00, 0xFF};  ///< red, green, blue
  std::uint64_t colours = 0;                                   ///< entries of the palette, 0 without one
  std::size_t colour_bytes = 4;
  std::uint64_t palette_at = 0, pixels_at = 0;

  std::uint64_t row_bytes() const { return (width * bits + 7) / 8; }
  std::uint64_t stride() const { return (row_bytes() + 3) / 4 * 4; }
};

Error unsupported(const std::string& what) {
  return {ErrorCode::unsupported, "BMP " + what + ", which is not read"};
}

/// Finds the palette and the pixels, and the number of colours, with Pillow's repairs.
void locate_parts(const Bytes& file, std::size_t header_bytes, BmpHeader& header) {
  const std::uint64_t header_end = k_file_header_bytes + header_bytes;
  const bool masks_follow = header_bytes == k_info_header_bytes && header.compression == k_bit_fields;
  header.palette_at = header_end + (masks_follow ? 12 : 0);
  header.pixels_at = file.u32_le(10);
  if (header.bits <= 8) {
    header.colours = header_bytes == k_core_header_bytes ? 0 : file.u32_le(46);
    if (header.colours == 0) header.colours = 1u << header.bits;
    // Some writers ignore the palette and give the end of the header.
    if (header.pixels_at == header_end) header.pixels_at += 4 * header.colours;
  }
  if (header.pixels_at == 0) header.pixels_at = header.palette_at + header.colour_bytes * header.colours;
}

Result<BmpHeader> read_header(const Bytes& file) {
  if (file.size() < k_file_header_bytes + 4) return cut_short("BMP", file.size(), k_file_header_bytes + 4);
  const std::uint32_t header_bytes = file.u32_le(k_file_header_bytes);
  constexpr std::array k_known{12u, 40u, 52u, 56u, 64u, 108u, 124u};
  if (std::find(k_known.begin(), k_known.end(), header_bytes) == k_known.end()) {
    return unsupported("has a header of " + grouped(header_bytes) + " bytes");
  }
  if (file.size() < k_file_header_bytes + header_bytes) {
    return cut_short("BMP", file.size(), k_file_header_bytes + header_bytes);
  }
  BmpHeader header;
  if (header_bytes == k_core_header_bytes) {
    header.width = file.u16_le(18);
    header.height = file.u16_le(20);
    header.bits = file.u16_le(24);
    header.colour_bytes = 3;
  } else {
    const auto width = static_cast<std::int32_t>(file.u32_le(18)), height = static_cast<std::int32_t>(file.u32_le(22));
    if (width < 0) return broken("BMP", "its width is " + std::to_string(width));
    header.width = width;
    header.top_down = height < 0;
    header.height = header.top_down ? -std::int64_t{height} : height;
    header.bits = file.u16_le(28);
    header.compression = file.u32_le(30);
    if (header.compression == k_bit_fields && header_bytes == k_os2_header_bytes) {
      return unsupported("of OS/2 has compression 3, Huffman's code");
    }
    if (header.compression == k_bit_fields) {
      for (std::size_t i = 0; i < 3; ++i) header.masks[i] = file.u32_le(54 + 4 * i);
    }
  }
  locate_parts(file, header_bytes, header);
  return header;
}

/// The position of a colour's value in a pixel, and how to widen it to eight bits.
struct Channel {
  int shift = 0;
  std::uint32_t largest = 255;
  std::uint8_t value(std::uint32_t pixel) const {
    return static_cast<std::uint8_t>(((pixel >> shift) & largest) * 255 / largest);
  }
};

/// The channels of a pixel without palette; nullopt if the masks are not among those in use.
std::optional<std::array<Channel, 3>> channels_of(const BmpHeader& header) {
  using Masks = std::array<std::uint32_t, 3>;
  Masks masks = header.masks;
  const bool has_masks = header.compression == k_bit_fields;
  if (header.bits == 16) {
    constexpr Masks k_555{0x7C00, 0x3E0, 0x1F}, k_565{0xF800, 0x7E0, 0x1F};
    if (!has_masks) masks = k_555;
    if (masks != k_555 && masks != k_565) return std::nullopt;
  } else {
    // With 32 bits masks of zero mean the usual order.
    if (!has_masks || (header.bits == 32 && masks == Masks{})) masks = {0xFF0000, 0xFF00, 0xFF};
    for (const std::uint32_t mask : masks) {
      if (header.bits == 24 && mask > 0xFFFFFF) return std::nullopt;
      const bool is_one_byte = mask != 0 && mask >> std::countr_zero(mask) == 0xFF && std::countr_zero(mask) % 8 == 0;
      if (!is_one_byte) return std::nullopt;
    }
  }
  std::array<Channel, 3> channels;
  for (std::size_t i = 0; i < 3; ++i) {
    channels[i].shift = std::countr_zero(masks[i]);
    channels[i].largest = masks[i] >> channels[i].shift;
  }
  return channels;
}

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;

/// True if colour N is the grey N, modulo 256. Pillow ignores such a palette, so that the indices are the greys. It does
/// not compare a palette of two colours with 0 and 1.
bool is_grey_steps(const Bytes& file, const BmpHeader& header) {
  if (header.bits != 8 || header.colours == 2) return false;
  for (std::uint64_t i = 0; i < header.colours; ++i) {
    const std::size_t at = header.palette_at + i * header.colour_bytes;
    if (at + 3 > file.size()) return false;
    for (std::size_t c = 0; c < 3; ++c) {
      if (file.u8(at + c) != i % 256) return false;
    }
  }
  return true;
}

/// Entries that the file does not have are black. Errors: invalid_argument (more than 256 colours).
Result<Palette> read_palette(const Bytes& file, const BmpHeader& header) {
  Palette palette{};
  if (header.bits > 8) return palette;
  if (is_grey_steps(file, header)) {
    for (std::size_t i = 0; i < palette.size(); ++i) palette[i].fill(static_cast<std::uint8_t>(i));
    return palette;
  }
  if (header.colours > palette.size()) {
    return broken("BMP", "its palette has " + grouped(header.colours) + " colours");
  }
  for (std::uint64_t i = 0; i < header.colours; ++i) {
    const std::size_t at = header.palette_at + i * header.colour_bytes;
    for (std::size_t c = 0; c < 3; ++c) palette[i][c] = static_cast<std::uint8_t>(file.u8(at + 2 - c));
  }
  return palette;
}

/// Decodes run lengths: one index per pixel, rows in file order.
class RunLengths {
 public:
  RunLengths(const Bytes& file, const BmpHeader& header)
      : file_(file), at_(header.pixels_at), width_(header.width), half_bytes_(header.compression == k_rle4) {
    indices_.resize(header.width * header.height);
  }

  Result<std::vector<std::uint8_t>> decode() {
    while (filled_ < indices_.size() && at_ + 2 <= file_.size()) {
      const std::uint32_t count = file_.u8(at_), value = file_.u8(at_ + 1);
      at_ += 2;
      if (count > 0) {
        repeat(count, value);
      } else if (value == 0) {
        skip_to((filled_ + width_ - 1) / width_ * width_);
        x_ = 0;
      } else if (value == 1) {
        break;
      } else if (value == 2) {
        if (at_ + 2 > file_.size()) break;
        skip_to(filled_ + file_.u8(at_) + file_.u8(at_ + 1) * width_);
        at_ += 2;
        x_ = filled_ % width_;
      } else if (!copy(value)) {
        break;
      }
    }
    if (filled_ < indices_.size()) {
      return broken("BMP", "its run lengths end at pixel " + grouped(filled_) + " of " + grouped(indices_.size()));
    }
    return std::move(indices_);
  }

 private:
  void put(std::uint32_t index) {
    if (filled_ < indices_.size()) indices_[filled_++] = static_cast<std::uint8_t>(index);
  }
  /// Skipped pixels have index 0.
  void skip_to(std::uint64_t pixel) { filled_ = std::min<std::uint64_t>(pixel, indices_.size()); }

  /// A run ends at the end of its row at the latest.
  void repeat(std::uint32_t count, std::uint32_t value) {
    count = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, width_ - std::min(x_, width_)));
    for (std::uint32_t i = 0; i < count; ++i) put(!half_bytes_ ? value : i % 2 == 0 ? value >> 4 : value & 15);
    x_ += count;
  }

  /// Plain indices. The data after them begins at an even offset of the file.
  bool copy(std::uint32_t count) {
    const std::uint32_t bytes = half_bytes_ ? (count + 1) / 2 : count;
    if (at_ + bytes > file_.size()) return false;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t byte = file_.u8(at_ + (half_bytes_ ? i / 2 : i));
      put(!half_bytes_ ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
    }
    at_ += bytes;
    at_ += at_ % 2;
    x_ += count;
    return true;
  }

  const Bytes& file_;
  std::uint64_t at_, width_;
  bool half_bytes_;
  std::vector<std::uint8_t> indices_;
  std::uint64_t filled_ = 0, x_ = 0;
};

void paint_indexed(const std::uint8_t* row, std::uint32_t bits, const Palette& palette, Picture& picture,
                   std::size_t y) {
  std::uint8_t* out = picture.row(y);
  const std::uint32_t per_byte = 8 / bits, mask = (1u << bits) - 1;
  for (std::uint32_t x = 0; x < picture.width(); ++x, out += 3) {
    const std::uint32_t shift = 8 - bits * (x % per_byte + 1);
    std::memcpy(out, palette[(row[x / per_byte] >> shift) & mask].data(), 3);
  }
}

void paint_direct(const std::uint8_t* row, std::uint32_t bytes_per_pixel, const std::array<Channel, 3>& channels,
                  Picture& picture, std::size_t y) {
  std::uint8_t* out = picture.row(y);
  for (std::uint32_t x = 0; x < picture.width(); ++x, out += 3, row += bytes_per_pixel) {
    std::uint32_t pixel = 0;
    for (std::uint32_t i = 0; i < bytes_per_pixel; ++i) pixel |= std::uint32_t{row[i]} << (8 * i);
    for (std::size_t c = 0; c < 3; ++c) out[c] = channels[c].value(pixel);
  }
}

Result<Picture> read_run_lengths(const Bytes& file, const BmpHeader& header) {
  Result<std::vector<std::uint8_t>> indices = RunLengths(file, header).decode();
  if (!indices) return indices.error();
  const Result<Palette> palette = read_palette(file, header);
  if (!palette) return palette.error();
  Picture picture(static_cast<std::uint32_t>(header.width), static_cast<std::uint32_t>(header.height));
  for (std::uint64_t y = 0; y < header.height; ++y) {
    const std::uint64_t target = header.top_down ? y : header.height - 1 - y;
    paint_indexed(indices->data() + y * header.width, 8, *palette, picture, target);
  }
  return picture;
}

Result<Picture> read_rows(const Bytes& file, const BmpHeader& header, DecodeTime& time) {
  const std::optional<std::array<Channel, 3>> channels = channels_of(header);
  if (header.bits > 8 && !channels) return unsupported("has unusual bit fields");
  // The last row may lack its padding.
  const std::uint64_t need = header.pixels_at + header.stride() * (header.height - 1) + header.row_bytes();
  if (file.size() < need) return cut_short("BMP", file.size(), need);
  const Result<Palette> palette = read_palette(file, header);
  if (!palette) return palette.error();
  Picture picture(static_cast<std::uint32_t>(header.width), static_cast<std::uint32_t>(header.height));
  const auto* pixels = reinterpret_cast<const std::uint8_t*>(file.text().data()) + header.pixels_at;
  for (std::uint64_t y = 0; y < header.height; ++y, pixels += header.stride()) {
    if (time.is_over()) return time.error("BMP");
    const std::uint64_t target = header.top_down ? y : header.height - 1 - y;
    if (header.bits <= 8) {
      paint_indexed(pixels, header.bits, *palette, picture, target);
    } else {
      paint_direct(pixels, header.bits / 8, *channels, picture, target);
    }
  }
  return picture;
}

Result<BmpHeader> read_checked_header(const Bytes& file, const ImageLimits& limits) {
  Result<BmpHeader> header = read_header(file);
  if (!header) return header;
  if (Status status = check_size("BMP", header->width, header->height, limits); !status) return status.error();
  return header;
}

}  // namespace

Result<PictureCost> cost_of_bmp(std::string_view bytes, const ImageLimits& limits) {
  const Result<BmpHeader> header = read_checked_header(Bytes(bytes), limits);
  if (!header) return header.error();
  const bool has_indices = header->compression == k_rle8 || header->compression == k_rle4;
  return cost_of_size(header->width, header->height, has_indices ? 1 : 0);
}

Result<Picture> decode_bmp(std::string_view bytes, const ImageLimits& limits) {
  DecodeTime time(limits.max_time);
  const Bytes file(bytes);
  const Result<BmpHeader> header = read_checked_header(file, limits);
  if (!header) return header.error();
  constexpr std::array k_depths{1u, 4u, 8u, 16u, 24u, 32u};
  if (std::find(k_depths.begin(), k_depths.end(), header->bits) == k_depths.end()) {
    return unsupported("has " + std::to_string(header->bits) + " bits a pixel");
  }
  if (header->colours > 65536) return broken("BMP", "its palette has " + grouped(header->colours) + " colours");
  const std::uint32_t compression = header->compression;
  const bool is_run_length =
      (compression == k_rle8 && header->bits == 8) || (compression == k_rle4 && header->bits == 4);
  if (is_run_length) return read_run_lengths(file, *header);
  if (compression != k_plain && !(compression == k_bit_fields && header->bits > 8)) {
    return unsupported("has compression " + grouped(compression) + " at " + std::to_string(header->bits) +
                       " bits a pixel");
  }
  return read_rows(file, *header, time);
}

}  // namespace sightline::models
