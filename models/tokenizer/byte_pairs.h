// Byte pair encoding of one piece of text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/tokenizer/pair_merges.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

/// Byte-level BPE with an end-of-word mark (R. Sennrich et al., "Neural Machine Translation of Rare Words with Subword
/// Units"; the byte alphabet is GPT-2's).
///
/// Flow: 1. Each byte of the piece becomes a symbol; the last one has the mark.
///       2. Neighbours are merged (PairMerges).
/// A byte whose symbol is not in the vocabulary becomes `unknown`, which merges with nothing. Thread safety: immutable
/// after create.
class BytePairs {
 public:
  /// Errors: corrupt_data (a merge whose parts or whole are not in the vocabulary; a byte without a symbol
  /// while there is no unknown token to replace it).
  static Result<BytePairs> create(const Vocabulary& vocabulary, const Merges& merges,
                                  std::string_view end_of_word_suffix, std::int32_t unknown);

  /// Appends the ids of one piece. Time and memory grow as n log n in its bytes; `piece` may be megabytes
  /// long.
  void append_ids(std::string_view piece, std::vector<std::int32_t>& ids) const;

  static constexpr std::int32_t k_no_unknown = -1;

 private:
  std::array<std::int32_t, 256> inner_{};  ///< ids of bytes inside a piece
  std::array<std::int32_t, 256> last_{};   ///< ids of bytes at its end
  PairMerges merges_;
};

/// GPT-2's printable symbol for `byte`, in UTF-8.
std::string byte_symbol(std::uint8_t byte);

}  // namespace sightline::models
