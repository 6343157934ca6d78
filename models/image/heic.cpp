// HEIC: the primary picture of the file, as pillow-heif gives it.
//
// libheif decodes one coded picture (a tile, or the whole) at a time, in a small file that is made for it here. So
//   - it gets nothing that was not checked: no other items, no unknown boxes, one sequence header and one frame, whose
//     size is known before memory is allocated;
//   - rotation, mirroring, cropping, tiles and colours are those of libheif 1.23, whatever version is installed: the
//     small file declares that the samples are red, green and blue, so that no version converts them.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <libheif/heif.h>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/image/decode_time.h"
#include "models/image/heif_file.h"
#include "models/image/hevc_header.h"
#include "models/image/yuv_picture.h"

namespace sightline::models {
namespace {

constexpr std::string_view k_format = "HEIC";
using Id = HeifFile::Id;

Error broken_heic(std::string_view what) {
  return broken(k_format, what);
}

/// What the decoder gets of a coded picture: parameter sets and the slices of its first frame.
struct CodedPicture {
  HevcHeader header;
  std::string configuration;  ///< a body of `hvcC`
  std::string data;           ///< NAL units, each after its length in four bytes
};

std::string big_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(number >> shift);
  return text;
}

std::string box(std::string_view type, std::string_view body) {
  return big_endian(body.size() + 8, 4).append(type).append(body);
}

/// Reads a sequence header and checks its size. A second one must have the same size.
Status take_header(std::string_view nal, const ImageLimits& limits, std::optional<HevcHeader>& found) {
  const std::optional<HevcHeader> header = read_hevc_header(nal);
  if (!header) return broken_heic("its sequence header (SPS) cannot be read");
  if (Status status = check_size(k_format, header->coded_width, header->coded_height, limits); !status) return status;
  const bool differs =
      found && (found->coded_width != header->coded_width || found->coded_height != header->coded_height ||
                found->chroma_format != header->chroma_format || found->bits != header->bits);
  if (differs) return broken_heic("its sequence headers (SPS) contradict each other");
  if (!found) found = header;
  return {};
}

constexpr std::size_t k_configuration_bytes = 22;  // of hvcC, before its NAL units

/// Reads `hvcC`: the header, and the parameter sets for the decoder.
Status read_configuration(std::string_view body, const ImageLimits& limits, CodedPicture& picture) {
  BoxCursor cursor(body);
  std::string fixed(cursor.take(k_configuration_bytes));
  std::string arrays;
  std::uint32_t kept = 0;
  std::optional<HevcHeader> header;
  const std::uint32_t count = cursor.u8();
  for (std::uint32_t i = 0; i < count; ++i) {
    cursor.u8();
    const std::uint32_t units = cursor.u16();
    for (std::uint32_t k = 0; k < units && !cursor.failed(); ++k) {
      const std::string_view nal = cursor.take(cursor.u16());
      const unsigned type = nal.size() < 2 ? 0 : nal_type(nal);
      if (type == k_nal_sps) {
        if (Status status = take_header(nal, limits, header); !status) return status;
      }
      if (type != k_nal_vps && type != k_nal_sps && type != k_nal_pps) continue;
      constexpr std::uint32_t k_most = 255;
      if (kept == k_most) return broken_heic("its configuration (hvcC) has more than 255 parameter sets");
      arrays += static_cast<char>(type);
      arrays += big_endian(1, 2) + big_endian(nal.size(), 2) + std::string(nal);
      ++kept;
    }
  }
  if (cursor.failed() || !header) return broken_heic("its configuration (hvcC) is truncated or has no sequence header");
  constexpr int k_length_bytes_less_one = 3;
  fixed[21] = static_cast<char>((fixed[21] & ~3) | k_length_bytes_less_one);
  picture.header = *header;
  picture.configuration = fixed + static_cast<char>(kept) + arrays;
  return {};
}

/// The bytes of the length before each NAL unit.
std::size_t length_bytes(std::string_view configuration) {
  return (static_cast<std::uint8_t>(configuration[21]) & 3u) + 1;
}

/// Slices can repeat: each may cost as much as the whole picture.
bool has_too_many_slices(std::uint64_t slices, const HevcHeader& header, const ImageLimits& limits) {
  constexpr std::uint64_t k_most = 600, k_few = 16, k_pictures = 4;  // HEVC allows 600 at its highest level
  const std::uint64_t coded = std::uint64_t{header.coded_width} * header.coded_height;
  return slices > k_most || (slices > k_few && slices * coded / k_pictures > limits.max_pixels);
}

/// Copies the NAL units of the first frame.
Status read_frame(std::string_view data, std::size_t length_bytes, const ImageLimits& limits, CodedPicture& picture) {
  constexpr unsigned k_first_other = 32;  // types below are slices
  BoxCursor cursor(data);
  std::uint64_t slices = 0;
  std::optional<HevcHeader> header = picture.header;
  while (!cursor.rest().empty()) {
    const std::uint64_t length = cursor.number(length_bytes);
    const std::string_view nal = cursor.take(length);
    if (cursor.failed()) {
      if (slices > 0) break;  // libheif shows what there is; so does pillow-heif
      return broken_heic("its picture data are truncated");
    }
    if (nal.size() < 3) continue;
    const unsigned type = nal_type(nal);
    if (type < k_first_other) {
      const bool is_first_slice = (static_cast<std::uint8_t>(nal[2]) & 0x80) != 0;
      if (is_first_slice && slices > 0) break;
      if (has_too_many_slices(++slices, picture.header, limits))
        return Error{ErrorCode::too_large, "HEIC has too many slices for one picture"};
    } else if (type == k_nal_sps) {
      if (Status status = take_header(nal, limits, header); !status) return status;
    } else if (type != k_nal_vps && type != k_nal_pps) {
      continue;
    }
    picture.data.append(big_endian(nal.size(), 4)).append(nal);
  }
  return slices > 0 ? Status() : Status(broken_heic("it has no picture data"));
}

/// A file with this picture alone, whose samples are declared to be green, blue and red.
std::string file_of(const CodedPicture& picture) {
  using namespace std::string_literals;
  const auto full = [](std::uint64_t version_and_flags) { return big_endian(version_and_flags, 4); };
  constexpr std::string_view k_identity("nclx\0\1\0\x0D\0\0\x80", 11);  // matrix 0, full range
  const std::string properties =
      box("hvcC", picture.configuration) +
      box("ispe", full(0) + big_endian(picture.header.width, 4) + big_endian(picture.header.height, 4)) +
      box("colr", k_identity);
  const std::string associations = full(0) + big_endian(1, 4) + big_endian(1, 2) + "\3\x81\2\3"s;
  const std::string item = full(0x02000000) + big_endian(1, 2) + big_endian(0, 2) + "hvc1\0"s;
  const auto locations = [&](std::size_t offset) {
    return full(0) + "\x44\0"s + big_endian(1, 2) + big_endian(1, 2) + big_endian(0, 2) + big_endian(1, 2) +
           big_endian(offset, 4) + big_endian(picture.data.size(), 4);
  };
  const std::string type = box("ftyp", "heic\0\0\0\0mif1heic"s);
  const auto meta = [&](std::size_t offset) {
    return box("meta", full(0) + box("hdlr", full(0) + big_endian(0, 4) + "pict"s + std::string(13, '\0')) +
                           box("pitm", full(0) + big_endian(1, 2)) + box("iloc", locations(offset)) +
                           box("iinf", full(0) + big_endian(1, 2) + box("infe", item)) +
                           box("iprp", box("ipco", properties) + box("ipma", associations)));
  };
  const std::size_t data_at = type.size() + meta(0).size() + 8;
  return type + meta(data_at) + box("mdat", picture.data);
}

template <typename T, void (*release)(T)>
struct Release {
  void operator()(T object) const { release(object); }
};
using Context = std::unique_ptr<heif_context, Release<heif_context*, heif_context_free>>;
using Handle = std::unique_ptr<const heif_image_handle, Release<const heif_image_handle*, heif_image_handle_release>>;
using Options = std::unique_ptr<heif_decoding_options, Release<heif_decoding_options*, heif_decoding_options_free>>;
using Image = std::unique_ptr<const heif_image, Release<const heif_image*, heif_image_release>>;

Error failure(const heif_error& error) {
  if (error.code == heif_error_Memory_allocation_error && error.subcode != heif_suberror_Security_limit_exceeded)
    throw std::bad_alloc();
  const bool has_no_decoder =
      error.code == heif_error_Plugin_loading_error ||
      (error.code == heif_error_Unsupported_feature && error.subcode == heif_suberror_Unsupported_codec);
  if (has_no_decoder) {
    return {ErrorCode::unsupported,
            "HEIC cannot be decoded here: libheif has no HEVC decoder (install its plugin: libheif-plugin-libde265)"};
  }
  return broken_heic(error.message == nullptr || *error.message == '\0' ? "it cannot be decoded" : error.message);
}

/// Copies a plane whose samples are `step_x` and `step_y` apart.
Status copy_plane(const heif_image* image, heif_channel channel, std::uint32_t step_x, std::uint32_t step_y, int bits,
                  SamplePlane& plane) {
  int stride = 0;
  const std::uint8_t* const bytes = heif_image_get_plane_readonly(image, channel, &stride);
  const int width = heif_image_get_width(image, channel), height = heif_image_get_height(image, channel);
  const auto is_covered = [](int given, std::uint32_t needed, std::uint32_t step) {
    return given > 0 && static_cast<std::uint64_t>(given) > std::uint64_t{needed - 1} * step;
  };
  if (bytes == nullptr || !is_covered(width, plane.width, step_x) || !is_covered(height, plane.height, step_y) ||
      heif_image_get_bits_per_pixel_range(image, channel) != bits)
    return broken_heic("it does not have the size or depth that its headers give");
  for (std::uint32_t y = 0; y < plane.height; ++y) {
    const std::uint8_t* const row = bytes + std::size_t{y} * step_y * static_cast<std::size_t>(stride);
    std::uint16_t* const out = plane.row(y);
    for (std::size_t x = 0; x < plane.width; ++x)
      out[x] = bits > 8 ? reinterpret_cast<const std::uint16_t*>(row)[x * step_x] : row[x * step_x];
  }
  return {};
}

Result<YuvPicture> samples_of(const heif_image* image, const HevcHeader& header) {
  YuvPicture picture(header.width, header.height, header.chroma_format, header.bits);
  picture.colours = header.colours;
  // Some versions give red, green and blue, each as large as the picture: chroma is repeated for each pixel.
  const bool is_rgb = heif_image_get_colorspace(image) == heif_colorspace_RGB;
  const std::array channels = is_rgb ? std::array{heif_channel_G, heif_channel_B, heif_channel_R}
                                     : std::array{heif_channel_Y, heif_channel_Cb, heif_channel_Cr};
  for (std::size_t p = 0; p < (picture.is_grey() ? 1 : 3); ++p) {
    const bool is_repeated = is_rgb && p > 0;
    const Status copied = copy_plane(image, channels[p], is_repeated ? 1u << picture.shift_x() : 1,
                                     is_repeated ? 1u << picture.shift_y() : 1, header.bits, picture.planes[p]);
    if (!copied) return copied.error();
  }
  return picture;
}

/// Decodes without threads of libheif; its decoder may use one. The decoder, libde265, is the one that pillow-heif uses;
/// no other plugin is.
Result<YuvPicture> decode_coded(const CodedPicture& coded) {
  const std::string file = file_of(coded);
  const Context context(heif_context_alloc());
  if (context == nullptr) throw std::bad_alloc();
  heif_context_set_max_decoding_threads(context.get(), 0);
  heif_context_set_maximum_image_size_limit(
      context.get(), static_cast<int>(std::max(coded.header.coded_width, coded.header.coded_height)));
  heif_error error = heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr);
  if (error.code != heif_error_Ok) return failure(error);
  heif_image_handle* handle = nullptr;
  error = heif_context_get_primary_image_handle(context.get(), &handle);
  const Handle owned_handle(handle);
  if (error.code != heif_error_Ok) return failure(error);

  const Options options(heif_decoding_options_alloc());
  if (options == nullptr) throw std::bad_alloc();
  options->ignore_transformations = 1;
  options->decoder_id = "libde265";
#if LIBHEIF_HAVE_VERSION(1, 23, 0)
  options->num_library_threads = options->num_codec_threads = 1;
  options->output_image_nclx_profile_passthrough = 1;
#endif
  heif_image* image = nullptr;
  error = heif_decode_image(handle, &image, heif_colorspace_undefined, heif_chroma_undefined, options.get());
  const Image owned_image(image);
  if (error.code != heif_error_Ok) return failure(error);
  return samples_of(image, coded.header);
}

/// The colours that `item` gives (`colr` with `nclx`).
std::optional<ColourCodes> colours_of(const HeifFile& file, Id item) {
  for (const HeifProperty& property : file.properties_of(item)) {
    BoxCursor cursor(property.body);
    if (property.type != "colr" || cursor.take(4) != "nclx") continue;
    ColourCodes colours;
    colours.primaries = static_cast<int>(cursor.u16());
    cursor.u16();
    colours.matrix = static_cast<int>(cursor.u16());
    colours.full_range = (cursor.u8() & 0x80) != 0;
    if (!cursor.failed()) return colours;
  }
  return {};
}

/// Samples per pixel, in halves.
std::uint64_t half_samples(const HevcHeader& header) {
  return std::array<std::uint64_t, 4>{2, 3, 4, 6}[static_cast<std::size_t>(header.chroma_format)];
}

class HeicReader {
 public:
  HeicReader(HeifFile file, const ImageLimits& limits, DecodeTime& time)
      : file_(std::move(file)), limits_(limits), time_(time) {}

  /// A coded picture, or tiles.
  struct Layout {
    std::optional<HeifGrid> grid;
    std::vector<Id> tiles;
    HevcHeader header;                              ///< of the first tile
    std::uint32_t tile_width = 0, tile_height = 0;  ///< of that tile, once it is turned and cropped
    std::uint32_t width = 0, height = 0;
  };

  /// A picture once it is turned and cropped.
  struct Measure {
    std::uint32_t width = 0, height = 0;
    bool has_full_chroma = false;  ///< turned or cropped where samples of chroma would no longer lie on their pixels
  };

  /// Measures what is left of `item`, whose coded picture or grid is `layout`.
  Result<Measure> measure(Id item, const Layout& layout) const {
    return measure(item, layout.width, layout.height, layout.header.chroma_format);
  }

  /// The cost of `item`, without alpha.
  Result<PictureCost> cost(Id item, const Layout& layout) const {
    const auto left = measure(item, layout);
    if (!left) return left.error();
    const HevcHeader& header = layout.header;
    const std::uint64_t sample_bytes = header.bits > 8 ? 2 : 1;
    constexpr std::uint64_t k_full_chroma = 6;
    // The samples of the whole picture, twice where it is turned.
    PictureCost cost =
        cost_of_size(layout.width, layout.height, (left->has_full_chroma ? k_full_chroma : half_samples(header)) * 2);
    // A tile in the decoder, in libheif, and as red, green and blue.
    cost.bytes += std::uint64_t{header.coded_width} * header.coded_height * sample_bytes * (half_samples(header) + 3);
    const std::uint64_t coded = std::uint64_t{header.coded_width} * header.coded_height * layout.tiles.size();
    constexpr std::uint64_t k_times_a_jpeg = 4;  // of a phone's picture, measured
    cost.pixels = std::max(cost.pixels, coded) * k_times_a_jpeg;
    return cost;
  }

  /// Reads the headers of a picture: enough for its cost.
  Result<Layout> read_layout(Id item) {
    Layout layout;
    layout.tiles = {item};
    if (file_.type_of(item) == "grid") {
      auto grid = file_.grid_of(item);
      if (!grid) return grid.error();
      layout.grid = grid->first;
      layout.tiles = std::move(grid->second);
    }
    const auto first = read_header(layout.tiles.front());
    if (!first) return first.error();
    layout.header = first->header;
    layout.width = layout.tile_width = layout.header.width;
    layout.height = layout.tile_height = layout.header.height;
    if (!layout.grid) return layout;
    layout.width = layout.grid->width;
    layout.height = layout.grid->height;
    if (Status status = check_size(k_format, layout.width, layout.height, limits_); !status) return status.error();
    if (Status status = measure_tile(layout); !status) return status.error();
    if (Status status = check_grid(layout, limits_); !status) return status.error();
    return layout;
  }

  Result<YuvPicture> read(Id item) {
    const auto layout = read_layout(item);
    return layout ? read(item, *layout) : layout.error();
  }

  Result<YuvPicture> read(Id item, const Layout& layout) {
    if (!layout.grid) return read_tile(item, layout.header);
    auto picture = read_grid(layout);
    if (!picture) return picture;
    if (const auto colours = colours_of(file_, item)) picture->colours = *colours;
    if (Status status = transform(item, *picture); !status) return status.error();
    return picture;
  }

  const HeifFile& file() const { return file_; }

 private:
  Result<CodedPicture> read_header(Id item) {
    const std::string_view type = file_.type_of(item);
    if (type != "hvc1" && type != "hev1") {
      return Error{ErrorCode::unsupported, "HEIC contains a picture of type " + file_.shown_type_of(item) +
                                               "; HEVC (hvc1) and tiles of it are read"};
    }
    const std::string_view body = file_.property_of(item, "hvcC");
    if (body.size() <= k_configuration_bytes) return broken_heic("its picture has no configuration (hvcC)");
    constexpr std::size_t k_max_bytes = 256 << 10;
    if (body.size() > k_max_bytes) {
      return Error{ErrorCode::too_large, "HEIC has a configuration (hvcC) of " + grouped(body.size()) +
                                             " bytes; the limit is " + grouped(k_max_bytes)};
    }
    CodedPicture coded;
    if (Status status = read_configuration(body, limits_, coded); !status) return status.error();
    return coded;
  }

  /// Finds out what is left of a tile that is turned or cropped: encoders fill small tiles up and crop them.
  Status measure_tile(Layout& layout) const {
    const auto left = measure(layout.tiles.front(), layout.tile_width, layout.tile_height, layout.header.chroma_format);
    if (!left) return left.error();
    layout.tile_width = left->width;
    layout.tile_height = left->height;
    return {};
  }

  static Error cut_tile() {
    return {ErrorCode::unsupported, "HEIC has tiles that are turned or cropped at odd positions, which is not read"};
  }

  Result<Measure> measure(Id item, std::uint32_t width, std::uint32_t height, int chroma_format) const {
    Measure left{width, height};
    const bool is_subsampled = chroma_format == 1 || chroma_format == 2;
    for (const HeifProperty& property : file_.properties_of(item)) {
      if (property.body.empty()) continue;
      const bool is_odd = chroma_format == 2 || left.width % 2 != 0 || left.height % 2 != 0;
      const bool is_turn = property.type == "irot" || property.type == "imir";
      if (is_turn && is_subsampled && is_odd) left.has_full_chroma = true;
      const bool is_quarter = (static_cast<std::uint8_t>(property.body.front()) & 1) != 0;
      if (property.type == "irot" && is_quarter) std::swap(left.width, left.height);
      if (property.type != "clap") continue;
      const auto part = part_of(property.body, left.width, left.height);
      if (!part) return part.error();
      if (is_subsampled && (part->left % 2 != 0 || part->top % 2 != 0)) left.has_full_chroma = true;
      left.width = part->width;
      left.height = part->height;
    }
    return left;
  }

  /// Tiles must cover the picture, and all be needed.
  static Status check_grid(const Layout& layout, const ImageLimits& limits) {
    const auto fits = [](std::uint64_t tiles, std::uint64_t tile, std::uint64_t whole) {
      return tiles * tile >= whole && (tiles - 1) * tile < whole;
    };
    const HevcHeader& tile = layout.header;
    const std::uint64_t coded = std::uint64_t{tile.coded_width} * tile.coded_height * layout.tiles.size();
    constexpr std::uint64_t k_most = 4;  // tiles extend beyond the picture, and are larger than what is left of them
    if (coded / k_most > limits.max_pixels) {
      return Error{ErrorCode::too_large, "HEIC has tiles of " + grouped(coded) + " pixels together; the limit is " +
                                             grouped(limits.max_pixels * k_most)};
    }
    const bool is_odd = (tile.chroma_format == 1 || tile.chroma_format == 2) &&
                        ((layout.tile_width % 2 != 0 && layout.grid->columns > 1) ||
                         (tile.chroma_format == 1 && layout.tile_height % 2 != 0 && layout.grid->rows > 1));
    if (fits(layout.grid->columns, layout.tile_width, layout.width) &&
        fits(layout.grid->rows, layout.tile_height, layout.height) && !is_odd)
      return {};
    return broken_heic(grouped(layout.grid->columns) + " x " + grouped(layout.grid->rows) + " tiles of " +
                       grouped(layout.tile_width) + " x " + grouped(layout.tile_height) +
                       " pixels do not make a picture of " + grouped(layout.width) + " x " + grouped(layout.height));
  }

  Result<YuvPicture> read_tile(Id item, const HevcHeader& expected) {
    auto coded = read_header(item);
    if (!coded) return coded.error();
    const HevcHeader& header = coded->header;
    if (header.width != expected.width || header.height != expected.height ||
        header.coded_width > expected.coded_width || header.coded_height > expected.coded_height ||
        header.chroma_format != expected.chroma_format || header.bits != expected.bits)
      return broken_heic("its tiles differ in size or format");
    const auto data = file_.data_of(item);
    if (!data) return data.error();
    const std::size_t lengths = length_bytes(file_.property_of(item, "hvcC"));
    if (Status status = read_frame(*data, lengths, limits_, *coded); !status) return status.error();
    auto picture = decode_coded(*coded);
    if (!picture) return picture;
    if (const auto colours = colours_of(file_, item)) picture->colours = *colours;
    if (Status status = transform(item, *picture); !status) return status.error();
    return picture;
  }

  Result<YuvPicture> read_grid(const Layout& layout) {
    YuvPicture canvas(layout.width, layout.height, layout.header.chroma_format, layout.header.bits);
    for (std::size_t i = 0; i < layout.tiles.size(); ++i) {
      if (time_.is_over_now()) return time_.error(k_format);
      const auto tile = read_tile(layout.tiles[i], layout.header);
      if (!tile) return tile.error();
      if (tile->chroma_format != canvas.chroma_format) return cut_tile();
      if (tile->width != layout.tile_width || tile->height != layout.tile_height)
        return broken_heic("its tiles differ in size or format");
      if (i == 0) canvas.colours = tile->colours;
      const auto column = static_cast<std::uint32_t>(i % layout.grid->columns);
      const auto row = static_cast<std::uint32_t>(i / layout.grid->columns);
      paste(*tile, column * tile->width, row * tile->height, canvas);
    }
    return canvas;
  }

  /// Copies the part of a tile that lies on the canvas.
  static void paste(const YuvPicture& tile, std::uint32_t left, std::uint32_t top, YuvPicture& canvas) {
    for (std::size_t p = 0; p < 3; ++p) {
      const SamplePlane& from = tile.planes[p];
      SamplePlane& to = canvas.planes[p];
      if (from.width == 0) continue;
      const std::uint32_t x = p == 0 ? left : left >> tile.shift_x(), y = p == 0 ? top : top >> tile.shift_y();
      if (x >= to.width || y >= to.height) continue;
      const std::uint32_t columns = std::min(from.width, to.width - x), rows = std::min(from.height, to.height - y);
      for (std::uint32_t k = 0; k < rows; ++k) std::copy_n(from.row(k), columns, to.row(y + k) + x);
    }
  }

  /// Rotation, mirroring and cropping, in the file's order.
  Status transform(Id item, YuvPicture& picture) {
    std::size_t count = 0;
    constexpr std::size_t k_max_transformations = 16;  // each costs a copy
    for (const HeifProperty& property : file_.properties_of(item)) {
      const bool is_turn = property.type == "irot" || property.type == "imir";
      if ((!is_turn && property.type != "clap") || property.body.empty()) continue;
      if (++count > k_max_transformations) return broken_heic("it is rotated and cropped more than 16 times");
      if (time_.is_over_now()) return time_.error(k_format);
      const auto first = static_cast<std::uint8_t>(property.body.front());
      if (property.type == "irot") rotate(picture, first & 3u);
      if (property.type == "imir") mirror(picture, (first & 1u) != 0);
      if (property.type != "clap") continue;
      const auto part = part_of(property.body, picture.width, picture.height);
      if (!part) return part.error();
      crop(picture, part->left, part->top, part->width, part->height);
    }
    return {};
  }

  /// A clean aperture: width, height and the distance of its centre from the picture's, as fractions (ISO/IEC 14496-12,
  /// 12.1.4). libheif rounds the left edge down and the top edge to the nearest row.
  struct Part {
    std::uint32_t left = 0, top = 0, width = 0, height = 0;
  };
  static Result<Part> part_of(std::string_view body, std::uint32_t whole_width, std::uint32_t whole_height) {
    BoxCursor cursor(body);
    struct Fraction {
      std::int64_t over = 0, under = 1;
    };
    std::array<Fraction, 4> parts;
    for (Fraction& part : parts) {
      part.over = static_cast<std::int32_t>(cursor.u32());
      part.under = static_cast<std::int32_t>(cursor.u32());
      constexpr std::int64_t k_most = 1 << 20;
      if (part.under <= 0 || part.under > k_most || std::abs(part.over) > k_most * 64)
        return broken_heic("its crop (clap) cannot be read");
    }
    if (cursor.failed()) return broken_heic("its crop (clap) is truncated");
    const auto [left, width] = edge(parts[0].over, parts[0].under, parts[2].over, parts[2].under, whole_width, false);
    const auto [top, height] = edge(parts[1].over, parts[1].under, parts[3].over, parts[3].under, whole_height, true);
    if (width <= 0 || height <= 0) return broken_heic("its crop (clap) leaves nothing");
    return Part{static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(top), static_cast<std::uint32_t>(width),
                static_cast<std::uint32_t>(height)};
  }

  /// The first pixel and the number of pixels along an axis of `whole` pixels.
  static std::pair<std::int64_t, std::int64_t> edge(std::int64_t size_over, std::int64_t size_under,
                                                    std::int64_t offset_over, std::int64_t offset_under,
                                                    std::int64_t whole, bool is_rounded) {
    // offset + (whole - 1) / 2 - (size - 1) / 2, over a common denominator
    const std::int64_t under = 2 * offset_under * size_under;
    const std::int64_t over = 2 * offset_over * size_under + (whole - 1) * offset_under * size_under -
                              (size_over - size_under) * offset_under;
    const std::int64_t first = (is_rounded ? over + under / 2 : over) / under;
    const std::int64_t last = (size_over - size_under + first * size_under + size_under / 2) / size_under;
    const std::int64_t begin = std::max<std::int64_t>(first, 0), end = std::min(last + 1, whole);
    return {begin, end - begin};
  }

  HeifFile file_;
  const ImageLimits& limits_;
  DecodeTime& time_;
};

/// Undoes the multiplication of colours by alpha, as Pillow's RGBa becomes RGBA.
void unmultiply(std::uint8_t* rgba, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i, rgba += 4) {
    const int alpha = rgba[3];
    if (alpha == 0 || alpha == 255) continue;
    for (std::size_t c = 0; c < 3; ++c) rgba[c] = static_cast<std::uint8_t>(std::min(255 * rgba[c] / alpha, 255));
  }
}

bool is_multiplied(const HeifFile& file) {
  return !file.references(file.primary(), "prem").empty();
}

/// An alpha with its layout.
struct Alpha {
  Id item = 0;
  HeicReader::Layout layout;
};

/// The alpha for a picture of that size. nullopt: there is none, it has another size, or nothing to do with it: there
/// is no background, and colours are not multiplied by it.
Result<std::optional<Alpha>> find_alpha(HeicReader& reader, const ImageLimits& limits, std::uint32_t width,
                                        std::uint32_t height) {
  const std::optional<Id> item = reader.file().alpha_of(reader.file().primary());
  if (!item || (!limits.background && !is_multiplied(reader.file()))) return std::optional<Alpha>();
  auto layout = reader.read_layout(*item);
  if (!layout) return layout.error();
  const auto left = reader.measure(*item, *layout);
  if (!left) return left.error();
  if (left->width != width || left->height != height) return std::optional<Alpha>();
  return std::optional(Alpha{*item, *std::move(layout)});
}

/// Lays the picture over the background if there is one, and brings colours that are multiplied by alpha back.
Status apply_alpha(HeicReader& reader, const ImageLimits& limits, DecodeTime& time, Picture& rgb) {
  const auto found = find_alpha(reader, limits, rgb.width(), rgb.height());
  if (!found) return found.error();
  if (!*found) return {};
  const bool multiplied = is_multiplied(reader.file());
  const auto alpha = reader.read((*found)->item, (*found)->layout);
  if (!alpha) return alpha.error();
  if (alpha->width != rgb.width() || alpha->height != rgb.height()) return {};
  std::vector<std::uint8_t> rgba(std::size_t{4} * rgb.width());
  for (std::uint32_t y = 0; y < rgb.height(); ++y) {
    if (time.is_over()) return time.error(k_format);
    for (std::uint32_t x = 0; x < rgb.width(); ++x) {
      std::copy_n(rgb.row(y) + std::size_t{3} * x, 3, rgba.data() + std::size_t{4} * x);
      rgba[std::size_t{4} * x + 3] = static_cast<std::uint8_t>(alpha->planes[0].row(y)[x] >> (alpha->bits - 8));
    }
    if (multiplied) unmultiply(rgba.data(), rgb.width());
    if (limits.background) {
      lay_over(*limits.background, rgba.data(), rgb.width(), rgb.row(y));
      continue;
    }
    drop_alpha(rgba.data(), rgb.width(), rgb.row(y));
  }
  return {};
}

}  // namespace

Result<PictureCost> cost_of_heic(std::string_view bytes, const ImageLimits& limits) {
  auto file = HeifFile::read(bytes, k_format);
  if (!file) return file.error();
  const Id primary = file->primary();
  DecodeTime time(limits.max_time);
  HeicReader reader(*std::move(file), limits, time);
  const auto layout = reader.read_layout(primary);
  if (!layout) return layout.error();
  auto cost = reader.cost(primary, *layout);
  if (!cost) return cost;
  // What is copied of the file: an item, its first frame, the small file, and the decoder's own.
  cost->bytes += bytes.size() * 6;
  const auto left = reader.measure(primary, *layout);
  if (!left) return left.error();
  const auto alpha = find_alpha(reader, limits, left->width, left->height);
  if (!alpha) return alpha.error();
  if (!*alpha) return cost;
  auto more = reader.cost((*alpha)->item, (*alpha)->layout);
  if (!more) return more;
  cost->bytes += more->bytes;
  cost->pixels += more->pixels;
  return cost;
}

/// Its time is limited by its pixels, as in WebP: the decoder has a thread of its own, whose time is not counted. What
/// follows the decoder counts, and is checked between tiles.
Result<Picture> decode_heic(std::string_view bytes, const ImageLimits& limits) {
  DecodeTime time(limits.max_time);
  auto file = HeifFile::read(bytes, k_format);
  if (!file) return file.error();
  const Id primary = file->primary();
  HeicReader reader(*std::move(file), limits, time);
  auto rgb = [&]() -> Result<Picture> {
    const auto picture = reader.read(primary);
    if (!picture) return picture.error();
    return rgb_of(*picture, time);
  }();
  if (!rgb) return rgb;
  if (Status status = apply_alpha(reader, limits, time, *rgb); !status) return status.error();
  return rgb;
}

}  // namespace sightline::models
