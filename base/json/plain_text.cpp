#include "base/json/plain_text.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace sightline::json {

std::size_t plain_end(std::string_view text, std::size_t at) {
  // Eight bytes at a time.
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t k_ones = 0x0101010101010101u, k_high = 0x8080808080808080u;
  while (at + 8 <= text.size()) {
    std::uint64_t block;
    std::memcpy(&block, text.data() + at, 8);
    // The lowest bit that is set is right; those above a borrow may not be.
    const auto equal = [&](unsigned char c) {
      const std::uint64_t difference = block ^ (k_ones * c);
      return (difference - k_ones) & ~difference;
    };
    const std::uint64_t below_blank = (block - k_ones * 0x20) & ~block;
    const std::uint64_t special = (equal('"') | equal('\\') | below_blank | block) & k_high;
    if (special != 0) return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
    at += 8;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
  }
  return at;
}

}  // namespace sightline::json
