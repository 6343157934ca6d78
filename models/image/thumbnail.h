// Smaller copies of pictures, for display.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/image/preprocess.h"

namespace sightline::models {

/// Changes whenever `make_thumbnail` makes other bytes of the same picture, so that caches do not return thumbnails of
/// an older version.
inline constexpr std::string_view k_thumbnail_version = "1";

/// A JPEG of `encoded`, no larger than `edge` pixels on its longer side, and no larger than the picture itself.
///
/// It is rotated by its EXIF orientation, has a light grey background if it is transparent, and contains only pixels:
/// no place, no date, no camera. Large JPEGs are decoded at a part of their size, at least twice `edge`. `limits` are
/// those of decoding; their settings for EXIF, background and drafts are ignored. Errors: those of decode_picture, and
/// overloaded (no memory).
Result<std::string> make_thumbnail(std::string_view encoded, std::uint32_t edge, ImageLimits limits);

/// Its cost in memory and work. Nothing if the header is refused.
PictureCost cost_of_thumbnail(std::string_view encoded, std::uint32_t edge, ImageLimits limits);

}  // namespace sightline::models
