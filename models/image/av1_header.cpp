// AV1 Bitstream & Decoding Process Specification, 5.5.
#include "models/image/av1_header.h"

#include <cstddef>
#include <string>

#include "models/image/bits.h"

namespace sightline::models {
namespace {

/// Returns the bits of a decoder model's delays, 0 if there is no model.
int skip_timing(Bits& bits) {
  bits.skip(64);  // the duration of a tick
  if (bits.bit() != 0) bits.code();
  if (bits.bit() == 0) return 0;
  const int delay_bits = static_cast<int>(bits.bits(5)) + 1;
  bits.skip(32 + 5 + 5);
  return delay_bits;
}

void skip_operating_points(Bits& bits) {
  const int delay_bits = bits.bit() != 0 ? skip_timing(bits) : 0;
  const bool has_display_delay = bits.bit() != 0;
  const unsigned points = bits.bits(5) + 1;
  for (unsigned i = 0; i < points; ++i) {
    bits.skip(12);
    constexpr unsigned k_last_level_without_tier = 7;
    if (bits.bits(5) > k_last_level_without_tier) bits.bit();
    if (delay_bits != 0 && bits.bit() != 0) bits.skip(2 * delay_bits + 1);
    if (has_display_delay && bits.bit() != 0) bits.skip(4);
  }
}

}  // namespace

std::optional<Av1Header> read_av1_header(std::string_view unit) {
  constexpr std::size_t k_max_bytes = 512;  // the size comes long before
  Bits bits(std::string(unit.substr(0, k_max_bytes)));
  bits.skip(4);  // profile, still picture
  const bool is_reduced = bits.bit() != 0;
  if (is_reduced) {
    bits.skip(5);
  } else {
    skip_operating_points(bits);
  }
  const int width_bits = static_cast<int>(bits.bits(4)) + 1, height_bits = static_cast<int>(bits.bits(4)) + 1;
  Av1Header header;
  header.width = bits.bits(width_bits) + 1;
  header.height = bits.bits(height_bits) + 1;
  header.most_frame_pixels =
      is_reduced ? std::uint64_t{header.width} * header.height : std::uint64_t{1} << (width_bits + height_bits);
  return bits.failed() ? std::nullopt : std::optional(header);
}

}  // namespace sightline::models
