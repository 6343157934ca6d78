#include "models/tokenizer/byte_pairs.h"

#include <algorithm>
#include <queue>
#include <tuple>

namespace sightline::models {
namespace {

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
}

bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr std::int32_t k_end = -1;  // no neighbour

/// A symbol of the piece, linked to its neighbours. A symbol that was merged into its left one has id k_end.
struct Symbol {
  std::int32_t id, previous, next;
};

/// A pair that may be merged: the symbol at `at` with its right neighbour.
struct Candidate {
  std::uint32_t rank;
  std::int32_t at, merged_id;
  bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
};

}  // namespace

std::string byte_symbol(std::uint8_t byte) {
  // Printable bytes stand for themselves; the others take the code points from U+0100 on, in byte order.
  int code_point = byte;
  if (!is_printable(byte)) {
    code_point = 0x100;
    for (int other = 0; other < byte; ++other) code_point += is_printable(other) ? 0 : 1;
  }
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3F))};
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
        return Error{ErrorCode::corrupt_data, "the vocabulary lacks the byte symbol \"" + symbol +
                                                  "\" and names no unknown token to stand for it"};
      }
      (*ids)[byte] = found == vocabulary.end() ? unknown : found->second;
    }
  }
  pairs.merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto left_id = vocabulary.find(left), right_id = vocabulary.find(right);
    const auto merged_id = vocabulary.find(left + right);
    for (const auto& [token, id] : {std::pair{left, left_id}, {right, right_id}, {left + right, merged_id}}) {
      if (id == vocabulary.end()) {
        return Error{ErrorCode::corrupt_data, "merge " + std::to_string(rank + 1) + " (\"" + left +
                                                  "\" + \"" + right + "\") needs \"" + token +
                                                  "\", which the vocabulary lacks"};
      }
    }
    // Of a pair listed twice the reference keeps the last rank.
    pairs.merges_[pair_key(left_id->second, right_id->second)] = {static_cast<std::uint32_t>(rank),
                                                                  merged_id->second};
  }
  return pairs;
}

const BytePairs::Merge* BytePairs::find(std::int32_t left, std::int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BytePairs::append_ids(std::string_view piece, std::vector<std::int32_t>& ids) const {
  const auto count = static_cast<std::int32_t>(piece.size());
  std::vector<Symbol> symbols(piece.size());
  for (std::int32_t i = 0; i < count; ++i) {
    const auto byte = static_cast<std::uint8_t>(piece[i]);
    const bool is_last = i + 1 == count;
    symbols[i] = {is_last ? last_[byte] : inner_[byte], i - 1, is_last ? k_end : i + 1};
  }

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](std::int32_t at) {
    if (at == k_end || symbols[at].next == k_end) return;
    if (const Merge* merge = find(symbols[at].id, symbols[symbols[at].next].id)) {
      candidates.push({merge->rank, at, merge->id});
    }
  };
  for (std::int32_t i = 0; i + 1 < count; ++i) consider(i);

  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    Symbol& left = symbols[best.at];
    if (left.id == k_end || left.next == k_end) continue;
    // An earlier merge may have changed either side since this candidate was pushed.
    const Merge* merge = find(left.id, symbols[left.next].id);
    if (merge == nullptr || merge->id != best.merged_id || merge->rank != best.rank) continue;
    Symbol& right = symbols[left.next];
    left.id = best.merged_id;
    left.next = right.next;
    right.id = k_end;
    if (left.next != k_end) symbols[left.next].previous = best.at;
    consider(left.previous);
    consider(best.at);
  }
  for (std::int32_t at = count > 0 ? 0 : k_end; at != k_end; at = symbols[at].next)
    ids.push_back(symbols[at].id);
}

}  // namespace sightline::models
