// A decoded picture, and the checks and errors of all decoders.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/image/preprocess.h"

namespace sightline::models {

/// Pixels as [height, width, 3], row-major, without gaps between rows.
class Picture {
 public:
  /// Padding after the last row: vector code loads whole blocks.
  static constexpr std::size_t k_slack_bytes = 64;

  Picture() = default;
  /// The pixels are not initialised: a decoder writes every one of them.
  Picture(std::uint32_t width, std::uint32_t height);

  std::uint32_t width() const { return width_; }
  std::uint32_t height() const { return height_; }
  std::size_t row_bytes() const { return std::size_t{width_} * 3; }
  std::size_t size_bytes() const { return row_bytes() * height_; }
  std::uint8_t* row(std::size_t y) { return rgb_.get() + y * row_bytes(); }
  const std::uint8_t* row(std::size_t y) const { return rgb_.get() + y * row_bytes(); }

  /// EXIF orientation, 1 to 8; 1 if there is none or it was not requested.
  int orientation = 1;

 private:
  std::uint32_t width_ = 0, height_ = 0;

  /// Returns a buffer to its thread, which reuses one for the next picture: allocating new pages costs as much as half
  /// a decode.
  struct Recycle {
    std::size_t capacity;
    void operator()(std::uint8_t* bytes) const;
  };
  std::unique_ptr<std::uint8_t[], Recycle> rgb_;
};

/// Checks the size in a header before memory is allocated. Errors: invalid_argument (an edge of zero), too_large (over
/// limits.max_pixels, or an edge over a million pixels).
Status check_size(std::string_view format, std::uint64_t width, std::uint64_t height, const ImageLimits& limits);

/// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number);

/// invalid_argument: "`format` is broken: `what`".
Error broken(std::string_view format, std::string_view what);

/// invalid_argument: "`format` ends after `have` of `need` bytes".
Error cut_short(std::string_view format, std::uint64_t have, std::uint64_t need);

using Background = std::array<std::uint8_t, 3>;

/// Writes `pixels` of RGBA, whose colours are not multiplied by their alpha, over `background` as RGB.
void lay_over(const Background& background, const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* rgb);

/// Writes `pixels` of RGBA as RGB, without their alpha.
void drop_alpha(const std::uint8_t* rgba, std::size_t pixels, std::uint8_t* rgb);

/// Fills the picture with one colour.
void fill(Picture& picture, const Background& colour);

// The decoders. Each requires a file that begins with its format's mark. Errors: invalid_argument, too_large,
// unsupported. Throw std::bad_alloc.
Result<Picture> decode_jpeg(std::string_view file, const ImageLimits& limits);
Result<Picture> decode_png(std::string_view file, const ImageLimits& limits);
Result<Picture> decode_webp(std::string_view file, const ImageLimits& limits);
Result<Picture> decode_gif(std::string_view file, const ImageLimits& limits);
Result<Picture> decode_bmp(std::string_view file, const ImageLimits& limits);
Result<Picture> decode_heic(std::string_view file, const ImageLimits& limits);
Result<Picture> decode_avif(std::string_view file, const ImageLimits& limits);

// The cost of each decoder, from the same header. Errors: those of the header.
Result<PictureCost> cost_of_jpeg(std::string_view file, const ImageLimits& limits);
Result<PictureCost> cost_of_png(std::string_view file, const ImageLimits& limits);
Result<PictureCost> cost_of_webp(std::string_view file, const ImageLimits& limits);
Result<PictureCost> cost_of_gif(std::string_view file, const ImageLimits& limits);
Result<PictureCost> cost_of_bmp(std::string_view file, const ImageLimits& limits);
Result<PictureCost> cost_of_heic(std::string_view file, const ImageLimits& limits);
Result<PictureCost> cost_of_avif(std::string_view file, const ImageLimits& limits);

/// The cost of a picture of that size whose decoder needs `bytes_per_pixel` in addition to the pixels.
PictureCost cost_of_size(std::uint64_t width, std::uint64_t height, std::uint64_t bytes_per_pixel = 0);

/// Decodes any of these formats, detected by the first bytes, and rotates upright if `limits` requires it. Further
/// error: overloaded (no memory).
Result<Picture> decode_picture(std::string_view file, const ImageLimits& limits);

}  // namespace sightline::models
