// The part of BERT's pipeline that comes before WordPiece: normalising and cutting into words.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace sightline::models {

/// BertNormalizer of Hugging Face's tokenizers, in the order of its steps. Text is well-formed UTF-8.
struct BertNormalizer {
  bool clean_text = true;             ///< drop control, format and private characters, NUL and U+FFFD
  bool space_chinese_letters = true;  ///< a space before and after each CJK ideograph
  bool strip_accents = true;          ///< NFD, then drop the marks without width
  bool lowercase = true;

  std::string operator()(std::string_view text) const;
};

/// Calls `take` with each word: stretches without whitespace, cut before and after each punctuation
/// character, which is a separate word.
void for_each_bert_word(std::string_view normalized, const std::function<void(std::string_view)>& take);

}  // namespace sightline::models
