// The sequence header (SPS) of an HEVC picture: its size and colours, before it is decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sightline::models {

/// How the numbers of a YCbCr picture become colours: codes of ITU-T H.273.
struct ColourCodes {
  int primaries = 2, matrix = 2;  ///< 2: not given
  bool full_range = false;
};

struct HevcHeader {
  std::uint32_t coded_width = 0, coded_height = 0;  ///< what a decoder allocates
  std::uint32_t width = 0, height = 0;              ///< of the picture
  int chroma_format = 1;                            ///< 0: grey, 1: 4:2:0, 2: 4:2:2, 3: 4:4:4
  int bits = 8;                                     ///< per sample, the larger of luma and chroma
  ColourCodes colours;
};

/// Types of NAL units.
enum : unsigned { k_nal_vps = 32, k_nal_sps = 33, k_nal_pps = 34 };

/// The type of a NAL unit, which has at least two bytes.
inline unsigned nal_type(std::string_view nal) {
  return static_cast<std::uint8_t>(nal.front()) >> 1 & 63u;
}

/// Reads an SPS NAL unit. nullopt: it is broken before the numbers of bits. If it is broken after these, the colours
/// are not given.
std::optional<HevcHeader> read_hevc_header(std::string_view nal);

}  // namespace sightline::models
