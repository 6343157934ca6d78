#include "models/tokenizer/byte_pairs.h"

#include <utility>

#include "base/json/utf8.h"

namespace sightline::models {
namespace {

bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

}  // namespace

std::string byte_symbol(std::uint8_t byte) {
  // Printable bytes map to themselves; the others map to the code points from U+0100 on, in byte order.
  std::uint32_t code_point = byte;
  if (!is_printable(byte)) {
    code_point = 0x100;
    for (int other = 0; other < byte; ++other) code_point += is_printable(other) ? 0 : 1;
  }
  std::string symbol;
  json::append_utf8(symbol, code_point);
  return symbol;
}

Result<BytePairs> BytePairs::create(const Vocabulary& vocabulary, const Merges& merges,
                                    std::string_view end_of_word_suffix, std::int32_t unknown) {
  BytePairs pairs;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string inner = byte_symbol(static_cast<std::uint8_t>(byte));
    const std::string last = inner + std::string(end_of_word_suffix);
    for (const auto& [symbol, ids] : {std::pair{inner, &pairs.inner_}, std::pair{last, &pairs.last_}}) {
      const auto found = vocabulary.find(symbol);
      if (found == vocabulary.end() && unknown == k_no_unknown) {
        return Error{ErrorCode::corrupt_data,
                     "the vocabulary lacks the byte symbol \"" + symbol + "\" and has no unknown token to replace it"};
      }
      (*ids)[byte] = found == vocabulary.end() ? unknown : found->second;
    }
  }
  Result<PairMerges> read = PairMerges::create(vocabulary, merges);
  if (!read) return read.error();
  pairs.merges_ = *std::move(read);
  return pairs;
}

void BytePairs::append_ids(std::string_view piece, std::vector<std::int32_t>& ids) const {
  std::vector<std::int32_t> symbols(piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(piece[i]);
    symbols[i] = i + 1 == piece.size() ? last_[byte] : inner_[byte];
  }
  merges_.append_merged(symbols, ids);
}

}  // namespace sightline::models
