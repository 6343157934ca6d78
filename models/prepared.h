// The prepared inputs (from models/tokenizer and models/image) for the towers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace sightline::models {

/// One string, prepared for the text tower.
struct PreparedText {
  std::vector<std::int32_t> ids;  ///< BOS ... EOS, and padding if the model requires a fixed number (SigLIP)
  std::size_t full_length = 0;    ///< ids before truncation and padding
  std::size_t padding = 0;        ///< the number of `ids` that are padding
  /// The number of tokens that are embedded.
  std::size_t tokens() const { return ids.size() - padding; }
  bool truncated() const { return full_length > tokens(); }
};

/// One picture, prepared for the vision tower: the resized and cropped window, before normalisation.
struct PreparedImage {
  std::vector<std::uint8_t> rgb;        ///< [height, width, 3], row-major; height = width = ModelInfo::image_size
  std::uint32_t width = 0, height = 0;  ///< of the window
  std::uint32_t source_width = 0, source_height = 0;  ///< of the file's picture
};

/// The cost of decoding a picture, estimated from its header.
struct PictureCost {
  std::size_t bytes = 0;  ///< maximum memory until it is resized
  /// Width x height; for a JPEG in several scans an eighth more per scan, for HEIC four times and for AVIF twice as much.
  /// About 7 ns each on a machine of 2023.
  std::uint64_t pixels = 0;
};

/// An input, prepared on any thread for `embed` on the model's thread.
using Prepared = std::variant<PreparedText, PreparedImage>;

/// What to do with a text over the model's limit.
enum class Truncate {
  end,    ///< cut at the end, keep EOS; see PreparedText::truncated()
  start,  ///< cut at the beginning, keep BOS; the same
  none,   ///< refuse: invalid_argument with the counted and the allowed number of tokens
};

}  // namespace sightline::models
