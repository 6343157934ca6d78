// The sequence header of an AV1 picture: its size and depth, before it is decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sightline::models {

struct Av1Header {
  std::uint32_t width = 0, height = 0;  ///< the largest of its frames: what a decoder allocates
  int bits = 8;                         ///< per sample
  unsigned half_samples = 3;            ///< per pixel, in halves: 2 for grey, 3 for 4:2:0, 4 for 4:2:2, 6 for 4:4:4
  /// The most pixels that a frame's own header can give: those of the size in a still picture without such a header.
  std::uint64_t most_frame_pixels = 0;
};

/// Reads the body of a sequence header unit. nullopt: it is broken.
std::optional<Av1Header> read_av1_header(std::string_view unit);

}  // namespace sightline::models
