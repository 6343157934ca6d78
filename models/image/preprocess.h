// From an encoded picture to the window of pixels for a vision tower.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/prepared.h"

namespace sightline::models {

/// The settings of preprocessor_config.json, with the class defaults filled in.
struct PreprocessConfig {
  enum class Resize { shortest_edge, longest_edge, exact, none };
  /// Pillow's codes in `resample`.
  enum class Filter { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5 };
  /// Start of the crop for an odd margin d: floor(d/2) (Hugging Face), or round-half-even(d/2) (torchvision,
  /// jina).
  enum class CropRule { floor, half_even };

  Resize resize = Resize::shortest_edge;
  std::uint32_t resize_width = 224, resize_height = 224;  ///< equal for shortest_edge and longest_edge
  Filter filter = Filter::bicubic;
  bool crop = true;
  std::uint32_t crop_width = 224, crop_height = 224;
  CropRule crop_rule = CropRule::floor;
  std::uint8_t fill = 0;              ///< of all channels, beside a picture that is smaller than the crop
  double rescale_factor = 1.0 / 255;  ///< 1 if do_rescale is false
  std::array<float, 3> mean{0.48145466f, 0.4578275f, 0.40821073f};  ///< 0,0,0 if do_normalize is false
  std::array<float, 3> std{0.26862954f, 0.26130258f, 0.27577711f};  ///< 1,1,1 if do_normalize is false
};

struct ImageLimits {
  std::size_t max_bytes = 20u << 20;
  std::size_t max_pixels = 50'000'000;
  int max_scans = 100;                         ///< of a JPEG; each may be a pass over the whole picture
  std::chrono::milliseconds max_time{10'000};  ///< processor time to decode one; 0: no limit
  bool apply_exif_orientation = false;

  // Only for thumbnails, not for towers.
  /// The colour behind transparent pixels, as red, green, blue. Without it alpha is dropped, as in Pillow, and the
  /// hidden colour of the pixels shows.
  std::optional<std::array<std::uint8_t, 3>> background = {};
  /// A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its longer edge still has this many pixels; 0:
  /// never.
  std::uint32_t draft_edge = 0;
};

/// Decodes (first frame), converts to RGB as Pillow's convert("RGB") does, resizes and crops exactly as
/// Pillow and CLIPImageProcessor do; computes only the cropped window. Errors as Embedder::prepare_image.
Result<PreparedImage> preprocess_image(std::string_view encoded, const PreprocessConfig& config,
                                       const ImageLimits& limits);

/// The cost of decoding, from the header alone and, for a JPEG of several scans, a search for their starts. Nothing if
/// the header is refused.
PictureCost picture_cost(std::string_view encoded, const ImageLimits& limits);

}  // namespace sightline::models
