#include "models/tokenizer/xlm_roberta_tokenizer.h"

#include <algorithm>
#include <string>
#include <unicode/uchar.h>
#include <utility>

#include "models/tokenizer/framed_tokenizer.h"
#include "models/tokenizer/unicode.h"
#include "models/tokenizer/unigram.h"

namespace sightline::models {
namespace {

/// One more than the largest id in use.
std::size_t vocabulary_size(const XlmRobertaFiles& files) {
  std::int32_t largest = std::max(files.frame.begin_id.value_or(0), files.frame.end_id);
  for (const AddedToken& token : files.added) largest = std::max(largest, token.id);
  return std::max(files.model.pieces.size(), static_cast<std::size_t>(largest) + 1);
}

/// `text` with `replacement` in the place of each run of two or more spaces.
std::string with_replaced_runs(std::string_view text, std::string_view replacement) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_not_of(' ', at), text.size());
    if (end - at >= 2) out += replacement;
    if (end - at == 1) out += ' ';
    at = std::min(text.find(' ', end), text.size());
    out += text.substr(end, at - end);
  }
  return out;
}

class XlmRobertaTokenizer final : public FramedTokenizer {
 public:
  XlmRobertaTokenizer(const XlmRobertaFiles& files, Unigram unigram)
      : FramedTokenizer(files.frame, models::vocabulary_size(files)),
        unigram_(std::move(unigram)),
        strips_end_(files.strips_end),
        run_replacement_(files.run_replacement),
        splits_at_whitespace_(files.splits_at_whitespace) {
    add_literals(files.added);
  }

 private:
  std::string normalize(std::string_view text) const override {
    std::string mapped = unigram_.map().mapped(text);
    if (strips_end_) mapped.resize(without_end_whitespace(mapped).size());
    return run_replacement_ ? with_replaced_runs(mapped, *run_replacement_) : mapped;
  }

  void append_words(std::string_view normalized, std::vector<std::int32_t>& ids) const override {
    if (!splits_at_whitespace_) return append_marked(normalized, ids);
    std::size_t begin = 0;
    for (std::size_t at = 0; at < normalized.size();) {
      const std::size_t start = at;
      if (!u_isUWhiteSpace(next_code_point(normalized, at))) continue;
      append_marked(normalized.substr(begin, start - begin), ids);
      begin = at;
    }
    append_marked(normalized.substr(begin), ids);
  }

  /// Spaces become marks, one is put before the text unless it begins with one, and each mark begins a word.
  void append_marked(std::string_view text, std::vector<std::int32_t>& ids) const {
    if (text.empty()) return;
    std::string marked(text.starts_with(k_space_mark) || text.starts_with(' ') ? "" : k_space_mark);
    for (const char c : text) {
      if (c == ' ') {
        marked += k_space_mark;
      } else {
        marked += c;
      }
    }
    const std::string_view all = marked;
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = std::min(all.find(k_space_mark, begin + k_space_mark.size()), all.size());
      const std::vector<std::int32_t> pieces = unigram_.encode_normalized(all.substr(begin, end - begin));
      ids.insert(ids.end(), pieces.begin(), pieces.end());
      begin = end;
    }
  }

  Unigram unigram_;
  bool strips_end_;
  std::optional<std::string> run_replacement_;
  bool splits_at_whitespace_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_xlm_roberta_tokenizer(const XlmRobertaFiles& files) {
  Result<Unigram> unigram = Unigram::create(files.model);
  if (!unigram) return unigram.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<XlmRobertaTokenizer>(files, *std::move(unigram)));
}

}  // namespace sightline::models
