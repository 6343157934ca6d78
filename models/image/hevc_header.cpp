// ITU-T H.265, 7.3.2.2 and E.2.1.
#include "models/image/hevc_header.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "models/image/bits.h"

namespace sightline::models {
namespace {

/// `nal` without its emulation prevention bytes.
std::string unescaped(std::string_view nal) {
  constexpr std::size_t k_max_bytes = 1 << 16;
  std::string bytes;
  int zeros = 0;
  for (const char c : nal.substr(0, k_max_bytes)) {
    if (zeros >= 2 && c == '\3') {
      zeros = 0;
      continue;
    }
    zeros = c == '\0' ? zeros + 1 : 0;
    bytes += c;
  }
  return bytes;
}

void skip_profile(Bits& bits, unsigned sub_layers) {
  bits.skip(96);  // profile, compatibility, constraints, level
  std::array<unsigned, 8> has_profile{}, has_level{};
  for (unsigned i = 0; i < sub_layers; ++i) {
    has_profile[i] = bits.bit();
    has_level[i] = bits.bit();
  }
  if (sub_layers > 0) bits.skip(static_cast<int>(8 - sub_layers) * 2);
  for (unsigned i = 0; i < sub_layers; ++i) bits.skip((has_profile[i] != 0 ? 88 : 0) + (has_level[i] != 0 ? 8 : 0));
}

void skip_scaling_lists(Bits& bits) {
  for (int size = 0; size < 4; ++size) {
    for (int matrix = 0; matrix < 6 && !bits.failed(); matrix += size == 3 ? 3 : 1) {
      if (bits.bit() == 0) {
        bits.code();
        continue;
      }
      if (size > 1) bits.code();
      for (int i = 0; i < std::min(64, 1 << (4 + 2 * size)); ++i) bits.code();
    }
  }
}

void skip_reference_sets(Bits& bits) {
  constexpr std::uint32_t k_max_sets = 64, k_max_pictures = 16;
  const std::uint32_t sets = bits.code(k_max_sets);
  std::uint32_t pictures = 0;  // of the set before
  for (std::uint32_t set = 0; set < sets && !bits.failed(); ++set) {
    if (set > 0 && bits.bit() != 0) {  // predicted from the set before
      bits.bit();
      bits.code();
      std::uint32_t kept = 0;
      for (std::uint32_t i = 0; i <= pictures; ++i) kept += bits.bit() != 0 || bits.bit() != 0 ? 1 : 0;
      pictures = kept;
      continue;
    }
    pictures = bits.code(k_max_pictures);
    pictures += bits.code(k_max_pictures);
    for (std::uint32_t i = 0; i < pictures; ++i) {
      bits.code();
      bits.bit();
    }
  }
}

/// All between the numbers of bits and the colours. Returns false if there are none.
bool skip_to_colours(Bits& bits, unsigned sub_layers) {
  const int order_bits = static_cast<int>(bits.code(12)) + 4;
  const bool all_layers = bits.bit() != 0;
  for (unsigned i = all_layers ? 0 : sub_layers; i <= sub_layers; ++i) bits.code(), bits.code(), bits.code();
  for (int i = 0; i < 6; ++i) bits.code();
  if (bits.bit() != 0 && bits.bit() != 0) skip_scaling_lists(bits);
  bits.skip(2);
  if (bits.bit() != 0) {  // pulse code modulation
    bits.skip(8);
    bits.code();
    bits.code();
    bits.bit();
  }
  skip_reference_sets(bits);
  if (bits.bit() != 0) {  // long-term references
    const std::uint32_t references = bits.code(32);
    for (std::uint32_t i = 0; i < references; ++i) bits.skip(order_bits + 1);
  }
  bits.skip(2);
  if (bits.bit() == 0) return false;
  constexpr std::uint32_t k_any_ratio = 255;
  if (bits.bit() != 0 && bits.bits(8) == k_any_ratio) bits.skip(32);
  if (bits.bit() != 0) bits.bit();
  return bits.bit() != 0;
}

ColourCodes read_colours(Bits& bits, unsigned sub_layers) {
  ColourCodes colours;
  if (!skip_to_colours(bits, sub_layers)) return {};
  bits.skip(3);
  colours.full_range = bits.bit() != 0;
  if (bits.bit() != 0) {
    colours.primaries = static_cast<int>(bits.bits(8));
    bits.skip(8);
    colours.matrix = static_cast<int>(bits.bits(8));
    // libde265 does not pass on newer codes than these.
    constexpr int k_last = 10, k_not_given = 2;
    if (colours.primaries > k_last) colours.primaries = k_not_given;
    if (colours.matrix > k_last) colours.matrix = k_not_given;
  }
  return bits.failed() ? ColourCodes() : colours;
}

}  // namespace

std::optional<HevcHeader> read_hevc_header(std::string_view nal) {
  constexpr std::size_t k_nal_header_bytes = 2;
  if (nal.size() < k_nal_header_bytes || nal_type(nal) != k_nal_sps) return {};
  const std::string bytes = unescaped(nal.substr(k_nal_header_bytes));
  Bits bits(bytes);
  bits.skip(4);
  const unsigned sub_layers = bits.bits(3);
  bits.bit();
  if (sub_layers > 6) return {};
  skip_profile(bits, sub_layers);
  bits.code();

  HevcHeader header;
  header.chroma_format = static_cast<int>(bits.code(3));
  if (header.chroma_format == 3 && bits.bit() != 0) return {};  // separate colour planes: no decoder reads them
  header.coded_width = bits.code();
  header.coded_height = bits.code();
  std::uint64_t cut_x = 0, cut_y = 0;
  if (bits.bit() != 0) {
    const unsigned step_x = header.chroma_format == 1 || header.chroma_format == 2 ? 2 : 1;
    const unsigned step_y = header.chroma_format == 1 ? 2 : 1;
    cut_x = bits.code();
    cut_x = (cut_x + bits.code()) * step_x;
    cut_y = bits.code();
    cut_y = (cut_y + bits.code()) * step_y;
  }
  const std::uint32_t luma = bits.code(8), chroma = bits.code(8);
  header.bits = static_cast<int>(8 + std::max(luma, chroma));
  if (bits.failed() || cut_x >= header.coded_width || cut_y >= header.coded_height) return {};
  header.width = header.coded_width - static_cast<std::uint32_t>(cut_x);
  header.height = header.coded_height - static_cast<std::uint32_t>(cut_y);
  header.colours = read_colours(bits, sub_layers);
  return header;
}

}  // namespace sightline::models
