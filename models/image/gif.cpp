// GIF by giflib: the first frame on the screen, as in Pillow.
#include <algorithm>
#include <array>
#include <cstring>
#include <gif_lib.h>
#include <memory>
#include <new>
#include <vector>

#include "models/image/decode_time.h"
#include "models/image/picture.h"

namespace sightline::models {
namespace {

/// The rest of the file, and whether giflib requested more than there was.
///
/// A frame's data are blocks, each with its length before it, up to an empty one. giflib reads all of them; Pillow
/// stops when it has all rows. If the file ends before the next block does, giflib therefore gets an empty block. A
/// frame that has all rows by then is accepted; any other one lacks data.
struct GifStream {
  std::string_view rest;
  bool ran_out = false;
  bool in_blocks = false;  ///< within a frame's data
  std::size_t block = 0;   ///< bytes of the current block that are not read yet

  /// The length of the next block.
  GifByteType next_block() {
    const std::size_t length = rest.empty() ? 0 : static_cast<GifByteType>(rest.front());
    ran_out |= rest.size() <= length;
    block = ran_out ? 0 : length;
    rest = ran_out ? std::string_view() : rest.substr(1);
    return static_cast<GifByteType>(block);
  }

  static int read(GifFileType* gif, GifByteType* out, int count) {
    auto& stream = *static_cast<GifStream*>(gif->UserData);
    if (stream.in_blocks && stream.block == 0 && count == 1) {
      *out = stream.next_block();
      return 1;
    }
    const std::size_t wanted = static_cast<std::size_t>(std::max(count, 0));
    const std::size_t taken = std::min(wanted, stream.rest.size());
    std::memcpy(out, stream.rest.data(), taken);
    stream.rest.remove_prefix(taken);
    if (stream.in_blocks) stream.block -= std::min(stream.block, taken);
    stream.ran_out |= taken < wanted;
    return static_cast<int>(taken);
  }
};

/// Red, green and blue of each index.
using Palette = std::array<std::uint8_t, std::size_t{256} * 3>;

class GifReader {
 public:
  explicit GifReader(std::string_view file) : file_bytes_(file.size()), stream_{file} {
    gif_ = DGifOpen(&stream_, &GifStream::read, &open_error_);
  }
  ~GifReader() {
    if (gif_ != nullptr) DGifCloseFile(gif_, nullptr);
  }
  GifReader(const GifReader&) = delete;
  GifReader& operator=(const GifReader&) = delete;

  struct Size {
    std::uint32_t width = 0, height = 0;
  };

  /// Reads up to the first frame. Returns the size of the whole picture.
  Result<Size> read_size(const ImageLimits& limits) {
    if (gif_ == nullptr) return failure(open_error_);
    if (Status status = find_first_frame(); !status) return status.error();
    const GifImageDesc& frame = gif_->Image;
    // A frame that is partly outside the screen makes the picture larger.
    const Size size{static_cast<std::uint32_t>(std::max(gif_->SWidth, frame.Left + frame.Width)),
                    static_cast<std::uint32_t>(std::max(gif_->SHeight, frame.Top + frame.Height))};
    if (Status status = check_size("GIF", size.width, size.height, limits); !status) return status.error();
    if (Status status = check_size("GIF frame", frame.Width, frame.Height, limits); !status) return status.error();
    return size;
  }

  Result<Picture> read(const ImageLimits& limits) {
    DecodeTime time(limits.max_time);
    const Result<Size> size = read_size(limits);
    if (!size) return size.error();
    stream_.in_blocks = true;
    const Palette colours = palette(limits);
    Picture picture(size->width, size->height);
    paint_background(colours, picture);
    if (Status status = read_rows(colours, picture, time); !status) return status.error();
    return picture;
  }

 private:
  Error failure(int code) const {
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM) throw std::bad_alloc();
    if (stream_.ran_out) {
      return {ErrorCode::invalid_argument,
              "GIF ends after " + grouped(file_bytes_) + " bytes, before its first picture is complete"};
    }
    const char* text = GifErrorString(code);
    return broken("GIF", text == nullptr ? "it cannot be decoded" : text);
  }

  /// Reads up to the first frame's description, including the transparent colour.
  Status find_first_frame() {
    while (true) {
      GifRecordType type = UNDEFINED_RECORD_TYPE;
      if (DGifGetRecordType(gif_, &type) != GIF_OK) return failure(gif_->Error);
      if (type == TERMINATE_RECORD_TYPE) return broken("GIF", "it contains no picture");
      if (type == IMAGE_DESC_RECORD_TYPE) {
        return DGifGetImageDesc(gif_) == GIF_OK ? Status() : failure(gif_->Error);
      }
      if (Status status = read_extension(); !status) return status;
    }
  }

  Status read_extension() {
    int code = 0;
    GifByteType* block = nullptr;  // its length, then its bytes; null at the end
    if (DGifGetExtension(gif_, &code, &block) != GIF_OK) return failure(gif_->Error);
    while (block != nullptr) {
      const bool is_control = code == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4;
      if (is_control && (block[1] & 1) != 0) transparent_ = block[4];
      if (DGifGetExtensionNext(gif_, &block) != GIF_OK) return failure(gif_->Error);
    }
    return {};
  }

  /// The colours to show. With a background, it replaces the transparent colour.
  Palette palette(const ImageLimits& limits) const {
    Palette colours = file_palette();
    if (limits.background && transparent_ >= 0)
      std::copy_n(limits.background->begin(), 3, colours.begin() + std::ptrdiff_t{3} * transparent_);
    return colours;
  }

  /// True if entry N is the grey N. Pillow drops such a palette, so that the indices are the greys.
  static bool is_grey_steps(const ColorMapObject& map) {
    for (int i = 0; i < map.ColorCount; ++i) {
      const GifColorType& colour = map.Colors[i];
      if (colour.Red != i || colour.Green != i || colour.Blue != i) return false;
    }
    return true;
  }

  /// The frame's colours, else the screen's, else grey steps. As in Pillow, a frame's grey steps are replaced by the
  /// screen's colours. Missing entries are black.
  Palette file_palette() const {
    Palette colours{};
    const ColorMapObject* map = gif_->Image.ColorMap;
    if (map == nullptr || is_grey_steps(*map)) map = gif_->SColorMap;
    if (map == nullptr || is_grey_steps(*map)) {
      for (std::size_t i = 0; i < 256; ++i) std::memset(&colours[i * 3], static_cast<int>(i), 3);
      return colours;
    }
    const auto given = static_cast<std::size_t>(std::clamp(map->ColorCount, 0, 256));
    for (std::size_t i = 0; i < given; ++i) {
      const GifColorType& colour = map->Colors[i];
      colours[i * 3] = colour.Red;
      colours[i * 3 + 1] = colour.Green;
      colours[i * 3 + 2] = colour.Blue;
    }
    return colours;
  }

  /// The area outside the frame has the transparent colour, or colour 0 if there is none.
  void paint_background(const Palette& colours, Picture& picture) const {
    const GifImageDesc& frame = gif_->Image;
    const bool is_covered = frame.Left == 0 && frame.Top == 0 &&
                            static_cast<std::uint32_t>(frame.Width) == picture.width() &&
                            static_cast<std::uint32_t>(frame.Height) == picture.height();
    if (is_covered) return;
    const std::size_t background = transparent_ >= 0 ? transparent_ : 0;
    std::uint8_t* const first = picture.row(0);
    for (std::size_t at = 0; at < picture.row_bytes(); at += 3) std::memcpy(first + at, &colours[background * 3], 3);
    for (std::uint32_t y = 1; y < picture.height(); ++y) std::memcpy(picture.row(y), first, picture.row_bytes());
  }

  Status read_rows(const Palette& colours, Picture& picture, DecodeTime& time) {
    const GifImageDesc& frame = gif_->Image;
    struct Pass {
      int first, step;
    };
    static constexpr std::array k_interlaced{Pass{0, 8}, Pass{4, 8}, Pass{2, 4}, Pass{1, 2}};
    std::vector<GifPixelType> indices(frame.Width);
    const auto read_pass = [&](const Pass& pass) -> Status {
      for (int y = pass.first; y < frame.Height; y += pass.step) {
        if (time.is_over()) return time.error("GIF");
        if (DGifGetLine(gif_, indices.data(), frame.Width) != GIF_OK) return failure(gif_->Error);
        std::uint8_t* out = picture.row(frame.Top + y) + std::size_t{3} * frame.Left;
        for (const GifPixelType index : indices) {
          std::memcpy(out, &colours[std::size_t{index} * 3], 3);
          out += 3;
        }
      }
      return {};
    };
    if (!frame.Interlace) return read_pass({0, 1});
    for (const Pass& pass : k_interlaced) {
      if (Status status = read_pass(pass); !status) return status;
    }
    return {};
  }

  std::size_t file_bytes_;
  GifStream stream_;
  int open_error_ = 0;
  GifFileType* gif_ = nullptr;
  int transparent_ = -1;
};

}  // namespace

Result<PictureCost> cost_of_gif(std::string_view file, const ImageLimits& limits) {
  const auto size = GifReader(file).read_size(limits);
  if (!size) return size.error();
  return cost_of_size(size->width, size->height);
}

Result<Picture> decode_gif(std::string_view file, const ImageLimits& limits) {
  return GifReader(file).read(limits);
}

}  // namespace sightline::models
