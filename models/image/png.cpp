// PNG by libspng. Only the chunks of the first picture reach it. So no picture is refused for parts that Pillow ignores
// (the checksums of the data, all that follows the data, a file's end inside the checksum).
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <spng.h>
#include <string>
#include <vector>
#include <zlib.h>

#include "models/image/bytes.h"
#include "models/image/decode_time.h"
#include "models/image/orientation.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view k_end_chunk = "\0\0\0\0IEND\xAE\x42\x60\x82"sv;
constexpr std::size_t k_signature_bytes = 8, k_header_chunk_bytes = 25, k_chunk_overhead_bytes = 12,
                      k_chunk_header_bytes = 8, k_depth_at = 24, k_colour_at = 25;

/// The file's parts to decode.
struct PngParts {
  std::string_view header;  ///< with the signature
  /// All chunks of the picture's data, whole, and the contents of one inside which the file ends.
  std::string_view data, cut_data;
  std::string_view exif;
  /// The contents of the last PLTE and tRNS before the data, and the chunks that libspng gets for them; empty: none.
  std::string_view palette, transparent_colours;
  std::string palette_chunk, transparency_chunk;
  /// If the file ends inside a chunk of the data: the least number of bytes that it needs.
  std::uint64_t need = 0;
};

std::string chunk_name(std::string_view type) {
  std::string name;
  for (const char c : type) name += c >= 0x20 && c < 0x7F ? c : '?';
  return name;
}

/// The end of a chunk is known, but not that of the file.
Error broken_off(std::uint64_t have, std::uint64_t need) {
  return {ErrorCode::invalid_argument, "PNG ends after " + grouped(have) + " of at least " + grouped(need) + " bytes"};
}

bool is_chunk_type(std::string_view type) {
  return std::all_of(type.begin(), type.end(), [](char c) { return std::isalpha(static_cast<unsigned char>(c)); });
}

std::array<char, 4> big_endian(std::uint64_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16), static_cast<char>(number >> 8),
          static_cast<char>(number)};
}

/// Continues the checksum `sum` with `bytes`.
std::uint64_t checksum(std::uint64_t sum, std::string_view bytes) {
  return crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

/// `chunk` must be complete.
bool has_its_checksum(std::string_view chunk) {
  return checksum(0, chunk.substr(4, chunk.size() - k_chunk_header_bytes)) == Bytes(chunk).u32_be(chunk.size() - 4);
}

/// A whole chunk.
std::string chunk_of(std::string_view type, std::string_view data) {
  const std::array<char, 4> length = big_endian(data.size()), sum = big_endian(checksum(checksum(0, type), data));
  return std::string(length.data(), 4).append(type).append(data).append(sum.data(), 4);
}

/// As in Pillow, the palette is read as far as its entries are whole and indices reach, and an indexed picture without
/// one is black. Pictures of other kinds do not use theirs.
void take_palette(std::string_view header, PngParts& parts) {
  if (Bytes(header).u8(k_colour_at) != SPNG_COLOR_TYPE_INDEXED) return;
  constexpr std::size_t k_entry_bytes = 3, k_max_entries = 256;
  const std::uint32_t depth = std::min<std::uint32_t>(Bytes(header).u8(k_depth_at), 8);
  std::size_t entries = std::min(parts.palette.size() / k_entry_bytes, std::size_t{1} << depth);
  // Too long for any depth: libspng refuses it, as Pillow does. The rest is not copied.
  if (parts.palette.size() > k_max_entries * k_entry_bytes) entries = k_max_entries + 1;
  constexpr std::string_view k_black = "\0\0\0"sv;
  parts.palette_chunk = chunk_of("PLTE", entries == 0 ? k_black : parts.palette.substr(0, entries * k_entry_bytes));
  parts.transparent_colours = parts.transparent_colours.substr(0, std::max<std::size_t>(entries, 1));
}

bool has_alpha_channel(std::uint32_t colour) {
  return colour == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA || colour == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
}

/// Makes what belongs before the data.
void begin_data(PngParts& parts) {
  take_palette(parts.header, parts);
  // Pillow ignores transparent colours beside an alpha channel.
  if (parts.transparent_colours.empty() || has_alpha_channel(Bytes(parts.header).u8(k_colour_at))) return;
  constexpr std::size_t k_too_many = 257;  // libspng refuses more than 256
  parts.transparency_chunk = chunk_of("tRNS", parts.transparent_colours.substr(0, k_too_many));
}

/// EXIF may follow the data. As in Pillow, damage there does no harm, and the last chunk counts.
std::string_view find_late_exif(std::string_view file, std::size_t at) {
  std::string_view exif;
  while (at < file.size() && file.size() - at >= k_chunk_overhead_bytes) {
    const std::uint64_t end = std::uint64_t{at} + k_chunk_overhead_bytes + Bytes(file).u32_be(at);
    const std::string_view type = file.substr(at + 4, 4);
    // fcTL begins the next picture of an animation.
    if (type == "IEND" || type == "fcTL" || !is_chunk_type(type) || end > file.size()) break;
    if (type == "eXIf") exif = file.substr(at + k_chunk_header_bytes, end - at - k_chunk_overhead_bytes);
    at = end;
  }
  return exif;
}

/// Reads the chunks up to the end of the first picture's data, and the EXIF behind it.
Status find_parts(std::string_view file, bool with_transparency, PngParts& parts) {
  const Bytes bytes(file);
  parts.header = file.substr(0, k_signature_bytes + k_header_chunk_bytes);
  if (!has_its_checksum(parts.header.substr(k_signature_bytes)))
    return broken("PNG", "the checksum of its header (IHDR) is wrong");
  bool in_data = false;
  std::size_t at = k_signature_bytes + k_header_chunk_bytes, data_at = 0;
  while (at < file.size()) {
    const std::uint64_t need = std::uint64_t{at} + k_chunk_overhead_bytes + bytes.u32_be(at);
    const std::string_view type = file.substr(at).substr(std::min<std::size_t>(4, file.size() - at), 4);
    const bool is_data = type == "IDAT";
    if (in_data && !is_data) break;
    if (is_data && !in_data) {
      begin_data(parts);
      data_at = at;
    }
    in_data = is_data;
    if (need > file.size()) {
      if (!is_data) return broken_off(file.size(), need);
      parts.need = need;
      parts.cut_data = file.substr(at).substr(k_chunk_header_bytes);
      break;
    }
    const std::string_view chunk = file.substr(at, need - at);
    const std::string_view data = chunk.substr(k_chunk_header_bytes, chunk.size() - k_chunk_overhead_bytes);
    if (type == "PLTE") parts.palette = data;
    if (type == "tRNS" && with_transparency) parts.transparent_colours = data;
    if (type == "eXIf") parts.exif = data;
    if (type == "IEND") break;
    if (!is_chunk_type(type))
      return broken("PNG", "there is no chunk at byte " + grouped(at) + " but \"" + chunk_name(type) + "\"");
    if (!is_data && !has_its_checksum(chunk)) {
      return broken("PNG", "the checksum of the chunk " + chunk_name(type) + " at byte " + grouped(at) + " is wrong");
    }
    at = need;
  }
  if (data_at == 0) return broken("PNG", "it has no picture data (IDAT)");
  parts.data = file.substr(data_at, at - data_at);
  if (const std::string_view late = find_late_exif(file, at); !late.empty()) parts.exif = late;
  return {};
}

/// Passes the parts to libspng as one stream, the chunks of the data one by one: a file may have millions of them.
class PartStream {
 public:
  explicit PartStream(const PngParts& parts)
      : parts_(parts), spans_{parts.header, parts.palette_chunk, parts.transparency_chunk}, data_(parts.data) {}

  static int read(spng_ctx*, void* user, void* out, std::size_t length) {
    auto& stream = *static_cast<PartStream*>(user);
    auto* target = static_cast<char*>(out);
    while (length > 0) {
      if (stream.span_ == stream.spans_.size() && !stream.next_chunk()) return SPNG_IO_EOF;
      std::string_view& rest = stream.spans_[stream.span_];
      const std::size_t count = rest.copy(target, length);
      target += count;
      length -= count;
      rest.remove_prefix(count);
      if (rest.empty()) ++stream.span_;
    }
    return SPNG_OK;
  }

 private:
  /// False: there is none.
  bool next_chunk() {
    if (!data_.empty()) {
      const std::string_view chunk = data_.substr(0, k_chunk_overhead_bytes + Bytes(data_).u32_be(0));
      data_.remove_prefix(chunk.size());
      take_data(chunk.substr(k_chunk_header_bytes, chunk.size() - k_chunk_overhead_bytes));
    } else if (parts_.need > 0 && !took_cut_data_) {
      took_cut_data_ = true;
      take_data(parts_.cut_data);
    } else if (!took_end_) {
      took_end_ = true;
      spans_ = {k_end_chunk, {}, {}};
    } else {
      return false;
    }
    span_ = 0;
    return true;
  }

  /// libspng verifies the checksum of a chunk, but Pillow does not, so it gets the right one here. Both verify the
  /// checksum within the data.
  void take_data(std::string_view data) {
    constexpr std::string_view k_type = "IDAT";
    const std::array<char, 4> length = big_endian(data.size());
    std::copy(length.begin(), length.end(), header_.begin());
    std::copy(k_type.begin(), k_type.end(), header_.begin() + length.size());
    checksum_ = big_endian(checksum(checksum(0, k_type), data));
    spans_ = {std::string_view(header_.data(), header_.size()), data,
              std::string_view(checksum_.data(), checksum_.size())};
  }

  const PngParts& parts_;
  std::array<std::string_view, 3> spans_;  ///< what is left of those from `span_` on comes next
  std::size_t span_ = 0;
  std::string_view data_;  ///< chunks that come after them
  std::array<char, k_chunk_header_bytes> header_{};
  std::array<char, 4> checksum_{};
  bool took_cut_data_ = false, took_end_ = false;
};

Error failure(int code) {
  if (code == SPNG_EMEM) throw std::bad_alloc();
  return broken("PNG", spng_strerror(code));
}

/// 16-bit grey is clipped at 255, not scaled: Pillow's convert("RGB") of its mode I;16.
void clip_grey16(const std::vector<std::uint16_t>& grey, Picture& picture) {
  std::uint8_t* out = picture.row(0);
  for (const std::uint16_t value : grey) {
    std::memset(out, std::min<int>(value, 255), 3);
    out += 3;
  }
}

struct PngHeader {
  std::uint32_t width = 0, height = 0;
  bool grey16 = false;
  bool has_alpha = false;  ///< an alpha channel; a palette or one colour can also be transparent (tRNS)
};

Result<PngHeader> read_header(std::string_view file, const ImageLimits& limits) {
  const Bytes bytes(file);
  if (file.size() < k_signature_bytes + k_header_chunk_bytes) {
    return broken_off(file.size(), k_signature_bytes + k_header_chunk_bytes);
  }
  if (bytes.u32_be(8) != 13 || file.substr(12, 4) != "IHDR")
    return broken("PNG", "its first chunk is not a header (IHDR)");
  PngHeader header{bytes.u32_be(16), bytes.u32_be(20)};
  if (Status status = check_size("PNG", header.width, header.height, limits); !status) return status.error();
  const std::uint32_t colour = bytes.u8(k_colour_at);
  header.grey16 = bytes.u8(k_depth_at) == 16 && colour == SPNG_COLOR_TYPE_GRAYSCALE;
  header.has_alpha = has_alpha_channel(colour);
  return header;
}

/// Decodes all rows into `out`, of `row_bytes` each; those of an interlaced picture in several passes. Returns an error
/// of libspng, or SPNG_EOI; std::nullopt: it took too long.
std::optional<int> decode_rows(spng_ctx* context, spng_format format, char* out, std::size_t row_bytes,
                               DecodeTime& time) {
  const int transparency = format == SPNG_FMT_RGBA8 ? SPNG_DECODE_TRNS : 0;
  int code = spng_decode_image(context, nullptr, 0, format, SPNG_DECODE_PROGRESSIVE | transparency);
  while (code == SPNG_OK) {
    if (time.is_over()) return std::nullopt;
    spng_row_info row{};
    code = spng_get_row_info(context, &row);
    if (code == SPNG_OK) code = spng_decode_row(context, out + row.row_num * row_bytes, row_bytes);
  }
  return code;
}

}  // namespace

Result<PictureCost> cost_of_png(std::string_view file, const ImageLimits& limits) {
  const Result<PngHeader> header = read_header(file, limits);
  if (!header) return header.error();
  return cost_of_size(header->width, header->height, header->grey16 ? 2 : limits.background ? 4 : 0);
}

Result<Picture> decode_png(std::string_view file, const ImageLimits& limits) {
  DecodeTime time(limits.max_time);
  const Result<PngHeader> header = read_header(file, limits);
  if (!header) return header.error();
  PngParts parts;
  if (Status status = find_parts(file, limits.background.has_value(), parts); !status) return status.error();

  const std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)> context(spng_ctx_new(0), &spng_ctx_free);
  if (context == nullptr) throw std::bad_alloc();
  PartStream stream(parts);
  if (const int code = spng_set_png_stream(context.get(), &PartStream::read, &stream); code != SPNG_OK)
    return failure(code);

  Picture picture(header->width, header->height);
  const std::size_t pixels = std::size_t{header->width} * header->height;
  std::vector<std::uint16_t> grey(header->grey16 ? pixels : 0);
  const bool lays_over =
      limits.background && !header->grey16 && (header->has_alpha || !parts.transparency_chunk.empty());
  std::vector<char> rgba(lays_over ? pixels * 4 : 0);
  // RGB8 drops alpha without compositing, uses the high byte of 16-bit colour, and looks up palettes.
  const std::optional<int> code =
      header->grey16 ? decode_rows(context.get(), SPNG_FMT_PNG, reinterpret_cast<char*>(grey.data()),
                                   std::size_t{header->width} * 2, time)
      : lays_over    ? decode_rows(context.get(), SPNG_FMT_RGBA8, rgba.data(), std::size_t{header->width} * 4, time)
                     : decode_rows(context.get(), SPNG_FMT_RGB8, reinterpret_cast<char*>(picture.row(0)),
                                   picture.row_bytes(), time);
  if (!code) return time.error("PNG");
  if (*code != SPNG_EOI && parts.need > 0) return broken_off(file.size(), parts.need);
  if (*code != SPNG_EOI) return failure(*code);
  if (header->grey16) clip_grey16(grey, picture);
  if (lays_over)
    lay_over(*limits.background, reinterpret_cast<const std::uint8_t*>(rgba.data()), pixels, picture.row(0));
  if (limits.apply_exif_orientation) picture.orientation = exif_orientation(parts.exif);
  return picture;
}

}  // namespace sightline::models
