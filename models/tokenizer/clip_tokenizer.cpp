#include "models/tokenizer/clip_tokenizer.h"

#include <utility>

#include "models/tokenizer/clip_pieces.h"
#include "models/tokenizer/framed_tokenizer.h"

namespace sightline::models {
namespace {

class ClipTokenizer final : public FramedTokenizer {
 public:
  ClipTokenizer(const BytePairFiles& files, BytePairs pairs)
      : FramedTokenizer(files.vocabulary, files.specials), pairs_(std::move(pairs)) {
    add_literals(files.specials.added);
  }

 private:
  std::string normalize(std::string_view text) const override { return clip_normalize(text); }

  void append_words(std::string_view normalized, std::vector<std::int32_t>& ids) const override {
    for_each_clip_piece(normalized, [&](std::string_view piece) { pairs_.append_ids(piece, ids); });
  }

  BytePairs pairs_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_clip_tokenizer(const BytePairFiles& files) {
  Result<BytePairs> pairs = BytePairs::create(files.vocabulary, files.merges, k_end_of_word, files.unknown_id);
  if (!pairs) return pairs.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<ClipTokenizer>(files, *std::move(pairs)));
}

}  // namespace sightline::models
