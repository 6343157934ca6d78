#include "models/tokenizer/word_pieces.h"

#include <algorithm>

namespace sightline::models {
namespace {

bool begins_letter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

}  // namespace

WordPieces::WordPieces(const Vocabulary& vocabulary, std::string_view continuing_prefix, std::int32_t unknown_id,
                       std::size_t max_word_letters)
    : unknown_id_(unknown_id), max_word_letters_(max_word_letters) {
  const auto add = [](Pieces& pieces, std::string_view text, std::int32_t id) {
    pieces.ids.emplace(text, id);
    pieces.longest = std::max(pieces.longest, text.size());
  };
  for (const auto& [token, id] : vocabulary) {
    add(first_, token, id);  // a text may also contain "##s" literally
    if (token.starts_with(continuing_prefix))
      add(continuing_, std::string_view(token).substr(continuing_prefix.size()), id);
  }
}

void WordPieces::append_ids(std::string_view word, std::vector<std::int32_t>& ids) const {
  const auto letters = static_cast<std::size_t>(std::count_if(word.begin(), word.end(), begins_letter));
  const std::size_t before = ids.size();
  const auto unknown = [&] {
    ids.resize(before);
    ids.push_back(unknown_id_);
  };
  if (letters > max_word_letters_) return unknown();
  for (std::size_t start = 0; start < word.size();) {
    const Pieces& pieces = start == 0 ? first_ : continuing_;
    std::size_t length = std::min(word.size() - start, pieces.longest);
    auto found = pieces.ids.end();
    for (; length > 0; --length) {
      if (start + length < word.size() && !begins_letter(word[start + length])) continue;
      found = pieces.ids.find(word.substr(start, length));
      if (found != pieces.ids.end()) break;
    }
    if (length == 0) return unknown();
    ids.push_back(found->second);
    start += length;
  }
}

}  // namespace sightline::models
