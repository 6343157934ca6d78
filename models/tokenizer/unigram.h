// SentencePiece's unigram model (T. Kudo, "Subword Regularization").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/string_map.h"
#include "models/tokenizer/sentence_piece_file.h"

namespace sightline::models {

/// The replacements of SentencePiece's precompiled character map: a double-array trie (S. Yata's darts-clone)
/// from parts of a text to their replacements, usually NFKC.
class CharacterMap {
 public:
  /// Errors: corrupt_data, without the file's name.
  static Result<CharacterMap> create(std::string_view blob);

  struct Match {
    std::string_view replacement;
    std::size_t length = 0;  ///< bytes replaced; 0: nothing is
  };
  /// The longest stretch at the beginning of `text` that is replaced. Never reads outside of the map, even if the map
  /// is malformed.
  Match longest(std::string_view text) const;

  /// The shortest one. A NUL ends the text.
  Match shortest(std::string_view text) const;

  /// `text` as Hugging Face's tokenizers map it, which differs from SentencePiece: a cluster of characters (of up to 5
  /// bytes) that begins with a replaced stretch is replaced as a whole by what the shortest one becomes; in all other
  /// clusters each code point is replaced by itself.
  std::string mapped(std::string_view text) const;

 private:
  template <class OnMatch>
  void find(std::string_view text, OnMatch on_match) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;  ///< each ends with NUL
};

/// Text to the ids of the most probable sequence of pieces.
///
/// Flow: 1. Characters are mapped, whitespace at the ends is dropped, other runs of it become one mark (U+2581).
///       2. Viterbi's algorithm finds the pieces whose scores have the greatest sum; a character without a
///          piece costs 10 more than the worst of them.
///       3. Neighbouring unknown characters become one unknown id.
/// Sums are float32 in `encode`, as SentencePiece's are, and float64 in `encode_marked`, as those of Hugging Face's
/// tokenizers are, so that ties break in the same way. Thread safety: immutable once made.
class Unigram {
 public:
  /// Errors: corrupt_data, without the file's name.
  static Result<Unigram> create(const SentencePieceFile& file);

  /// `text` is well-formed UTF-8.
  std::vector<std::int32_t> encode(std::string_view text) const;

  /// The same with a mark before the mapped text if it does not begin with one, as transformers' fast tokenizers for T5
  /// have it. No ids for a text without characters.
  std::vector<std::int32_t> encode_marked(std::string_view text) const;

  /// The ids of `normalized`, which is not changed, as Hugging Face's tokenizers find them (sums in float64).
  std::vector<std::int32_t> encode_normalized(std::string_view normalized) const;

  const CharacterMap& map() const { return map_; }

 private:
  struct Entry {
    std::int32_t id;
    double score;
  };

  explicit Unigram(CharacterMap map) : map_(std::move(map)) {}
  std::string normalize(std::string_view text) const;
  template <class Score>
  std::vector<std::int32_t> segment(std::string_view normalized) const;

  CharacterMap map_;
  StringMap<Entry> pieces_;
  std::size_t longest_piece_ = 0;  ///< bytes
  std::int32_t unknown_id_ = 0;
  double worst_score_ = 0;
};

}  // namespace sightline::models
