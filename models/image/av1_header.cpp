// AV1 Bitstream & Decoding Process Specification, 5.5.
#include "models/image/av1_header.h"

#include <cstddef>

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

/// All between the size and the colours.
void skip_tools(Bits& bits, bool is_reduced) {
  if (is_reduced) {
    bits.skip(3 + 3);
    return;
  }
  if (bits.bit() != 0) bits.skip(7);  // numbers of frames
  bits.skip(3 + 4);
  const bool has_order = bits.bit() != 0;
  if (has_order) bits.skip(2);
  const bool may_be_screen = bits.bit() != 0 || bits.bit() != 0;
  if (may_be_screen && bits.bit() == 0) bits.bit();
  if (has_order) bits.skip(3);
  bits.skip(3);
}

/// Reads the depth and the subsampling (5.5.2).
void read_colours(Bits& bits, unsigned profile, Av1Header& header) {
  constexpr unsigned k_grey = 2, k_420 = 3, k_422 = 4, k_444 = 6;
  const bool is_deep = bits.bit() != 0;
  const bool is_deepest = profile == 2 && is_deep && bits.bit() != 0;
  header.bits = is_deepest ? 12 : is_deep ? 10 : 8;
  const bool is_grey = profile != 1 && bits.bit() != 0;
  std::uint32_t codes = 0;
  if (bits.bit() != 0) codes = bits.bits(24);
  constexpr std::uint32_t k_srgb_identity = 0x01'0D'00;
  header.half_samples = profile == 0 ? k_420 : k_444;
  if (is_grey) {
    header.half_samples = k_grey;
  } else if (profile == 2 && codes != k_srgb_identity) {
    bits.bit();  // the range
    const bool is_narrow = !is_deepest || bits.bit() != 0;
    const bool is_low = is_deepest && is_narrow && bits.bit() != 0;
    header.half_samples = is_low ? k_420 : is_narrow ? k_422 : k_444;
  }
}

}  // namespace

std::optional<Av1Header> read_av1_header(std::string_view unit) {
  constexpr std::size_t k_max_bytes = 1024;  // all that is read comes before
  Bits bits(unit.substr(0, k_max_bytes));
  const unsigned profile = bits.bits(3);
  bits.bit();  // a still picture
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
  skip_tools(bits, is_reduced);
  read_colours(bits, profile, header);
  return bits.failed() ? std::nullopt : std::optional(header);
}

}  // namespace sightline::models
