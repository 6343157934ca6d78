#include "models/tokenizer/bert_tokenizer.h"

#include "models/tokenizer/framed_tokenizer.h"
#include "models/tokenizer/word_pieces.h"

namespace sightline::models {
namespace {

class BertTokenizer final : public FramedTokenizer {
 public:
  explicit BertTokenizer(const WordPieceFiles& files)
      : FramedTokenizer(files.vocabulary, files.specials),
        normalizer_(files.normalizer),
        pieces_(files.vocabulary, files.continuing_prefix, files.unknown_id, files.max_word_letters) {
    add_literals(files.specials.added);
  }

 private:
  std::string normalize(std::string_view text) const override { return normalizer_(text); }

  void append_words(std::string_view normalized, std::vector<std::int32_t>& ids) const override {
    for_each_bert_word(normalized, [&](std::string_view word) { pieces_.append_ids(word, ids); });
  }

  BertNormalizer normalizer_;
  WordPieces pieces_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_bert_tokenizer(const WordPieceFiles& files) {
  return std::make_unique<BertTokenizer>(files);
}

}  // namespace sightline::models
