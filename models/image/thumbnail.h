// Smaller copies of pictures, for people to look at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/image/preprocess.h"

namespace sightline::models {

/// Changes whenever `make_thumbnail` makes other bytes of the same picture, so that caches keep none of
/// before.
inline constexpr std::string_view k_thumbnail_version = "1";

/// A JPEG of `encoded`, no larger than `edge` pixels on its longer side, and no larger than the picture
/// itself.
///
/// It is turned as its EXIF says, lies on a light grey where it is transparent, and carries nothing but
/// pixels: no place, no date, no camera. Large JPEGs are decoded at a part of their size, twice `edge` at the
/// least. `limits` are those of decoding; what they say of EXIF, background and drafts does not count.
/// Errors: those of decode_picture, and overloaded (no memory).
Result<std::string> make_thumbnail(std::string_view encoded, std::uint32_t edge, ImageLimits limits);

/// What that will take of memory and work. Nothing for what is refused by its header.
PictureCost cost_of_thumbnail(std::string_view encoded, std::uint32_t edge, ImageLimits limits);

}  // namespace sightline::models
