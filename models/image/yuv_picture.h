// A decoded YCbCr picture of an HEIC file: how it is turned, cut and converted to RGB.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "models/image/decode_time.h"
#include "models/image/hevc_header.h"
#include "models/image/picture.h"

namespace sightline::models {

/// Samples as [height, width], row-major.
struct SamplePlane {
  SamplePlane() = default;
  SamplePlane(std::uint32_t columns, std::uint32_t rows)
      : width(columns), height(rows), samples(std::size_t{columns} * rows) {}

  std::uint16_t* row(std::size_t y) { return samples.data() + y * width; }
  const std::uint16_t* row(std::size_t y) const { return samples.data() + y * width; }

  std::uint32_t width = 0, height = 0;
  std::vector<std::uint16_t> samples;
};

/// All functions give the pixels of libheif 1.23, which pillow-heif 1.8 uses, whatever the version of the library that
/// decoded the samples: its versions differ in rounding, and where chroma is subsampled and an edge is odd.
struct YuvPicture {
  YuvPicture() = default;
  /// All samples zero.
  YuvPicture(std::uint32_t columns, std::uint32_t rows, int chroma, int bits_per_sample);

  bool is_grey() const { return chroma_format == 0; }
  /// By how many bits a position is shifted in the planes of chroma.
  unsigned shift_x() const { return chroma_format == 1 || chroma_format == 2 ? 1 : 0; }
  unsigned shift_y() const { return chroma_format == 1 ? 1 : 0; }

  std::uint32_t width = 0, height = 0;
  int chroma_format = 0;  ///< as in HevcHeader
  int bits = 8;           ///< per sample
  ColourCodes colours;
  std::array<SamplePlane, 3> planes;  ///< luma, blue and red chroma; only luma if it is grey
};

/// Rotates by quarters of a turn, anticlockwise.
void rotate(YuvPicture& picture, unsigned quarters);
/// Swaps left and right, or top and bottom.
void mirror(YuvPicture& picture, bool left_and_right);
/// Keeps a part, which must lie inside.
void crop(YuvPicture& picture, std::uint32_t left, std::uint32_t top, std::uint32_t width, std::uint32_t height);

/// The RGB of `picture`, as pillow-heif and convert("RGB") give it. Errors: unsupported (a colour matrix that libheif
/// does not convert), invalid_argument (it took too long).
Result<Picture> rgb_of(const YuvPicture& picture, DecodeTime& time);

}  // namespace sightline::models
