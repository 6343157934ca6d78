#include "base/json/plain_text.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace sightline::json {

std::size_t plain_end(std::string_view text, std::size_t at) {
  // 16 bytes at a time. As signed numbers, bytes that are not ASCII are also below the space.
  static_assert(std::endian::native == std::endian::little);
  using Block = signed char __attribute__((vector_size(16)));
  for (; at + sizeof(Block) <= text.size(); at += sizeof(Block)) {
    Block block;
    std::memcpy(&block, text.data() + at, sizeof block);
    const Block found = (block < ' ') | (block == '"') | (block == '\\');
    const auto special = std::bit_cast<std::array<std::uint64_t, 2>>(found);
    if ((special[0] | special[1]) == 0) continue;
    const std::size_t half = special[0] != 0 ? 0 : 1;
    return at + half * 8 + static_cast<std::size_t>(std::countr_zero(special[half])) / 8;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<signed char>(text[at]);
    if (c < ' ' || c == '"' || c == '\\') break;
  }
  return at;
}

}  // namespace sightline::json
