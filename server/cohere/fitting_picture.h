// Pictures as Cohere takes them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "models/image/preprocess.h"

namespace sightline::cohere {

/// What one picture may have: 5 MB, told as decimal megabytes to be on the safe side.
inline constexpr std::size_t k_max_picture_bytes = 5'000'000;
/// Cohere shrinks larger ones itself, so nothing is lost if we do.
inline constexpr std::size_t k_max_picture_pixels = 2'458'624;

/// `image/jpeg`, `image/png`, `image/webp`, `image/gif` by the file's first bytes; empty: another kind.
std::string_view media_type(std::string_view encoded);

/// True if Cohere takes the picture as it is.
bool fits(std::string_view encoded);

/// What `fitted` will take of memory and work. Nothing for what it will refuse by its header.
models::PictureCost cost_of_fitting(std::string_view encoded, const models::ImageLimits& limits);

/// The picture as a JPEG that fits: decoded, shrunk to `k_max_picture_pixels` if it has more, and written
/// with the best quality that stays within the bytes. Errors: those of models::decode_picture.
Result<std::string> fitted(std::string_view encoded, const models::ImageLimits& limits);

}  // namespace sightline::cohere
