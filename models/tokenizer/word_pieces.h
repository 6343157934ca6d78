// WordPiece of one word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_map.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

/// Greedy longest match: the longest token that the word begins with, then the longest continuing token that
/// the rest begins with, and so on. A word with a rest that nothing matches is unknown as a whole. Thread
/// safety: immutable once made.
class WordPieces {
 public:
  WordPieces(const Vocabulary& vocabulary, std::string_view continuing_prefix, std::int32_t unknown_id,
             std::size_t max_word_letters);

  void append_ids(std::string_view word, std::vector<std::int32_t>& ids) const;

 private:
  struct Pieces {
    StringMap<std::int32_t> ids;
    std::size_t longest = 0;  ///< bytes
  };

  Pieces first_, continuing_;
  std::int32_t unknown_id_;
  std::size_t max_word_letters_;
};

}  // namespace sightline::models
