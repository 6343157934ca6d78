#include "models/tokenizer/siglip_tokenizer.h"

#include <unicode/uchar.h>
#include <utility>
#include <vector>

#include "base/json/utf8.h"
#include "models/files/file.h"
#include "models/tokenizer/framed_tokenizer.h"
#include "models/tokenizer/sentence_piece_file.h"
#include "models/tokenizer/text_cleaning.h"
#include "models/tokenizer/tokenizer_files.h"
#include "models/tokenizer/unicode.h"
#include "models/tokenizer/unigram.h"

namespace sightline::models {
namespace {

/// The text before tokens are cut out of it: the mark of a space is put before it, and a mark within it becomes a
/// space.
std::string marked(std::string_view text, bool lower_case) {
  std::string out(k_space_mark);
  for (std::size_t at = 0; at < text.size();) {
    const UChar32 c = next_code_point(text, at);
    if (c == k_space_mark_letter) {
      out += ' ';
    } else if (lower_case) {
      append_lower(out, c);
    } else {
      json::append_utf8(out, c);
    }
  }
  return out;
}

/// Flow: 1. A text is lower-cased, and the mark of a space is put before it.
///       2. </s> and <unk> are cut out of it; the rest is made canonical, stretch by stretch.
///       3. The unigram model encodes each stretch after "<unk>", whose pieces are then dropped: its own normalisation
///          would otherwise remove a mark or a space at the start of the stretch.
///       4. </s> is added at the end, unless it is there already.
class SiglipTokenizer final : public Tokenizer {
 public:
  SiglipTokenizer(const SentencePieceFile& file, Unigram unigram, bool lower_case, Padding::Side padding_side)
      : unigram_(std::move(unigram)),
        lower_case_(lower_case),
        padding_side_(padding_side),
        vocabulary_size_(file.pieces.size()),
        unknown_(file.pieces[file.unknown_id].text),
        end_id_(file.end_id),
        unknown_pieces_(unigram_.encode(unknown_).size()),
        literals_(
            std::vector<LiteralToken>{{unknown_, file.unknown_id}, {file.pieces[file.end_id].text, file.end_id}}) {}

  Result<PreparedText> encode(std::string_view text, std::size_t max_tokens, Truncate truncate) const override {
    if (Status good = check_utf8(text); !good) return good.error();
    std::vector<std::int32_t> ids;
    Status status;
    bool is_counted = true;
    const auto may_go_on = [&] {
      is_counted = is_counted && (truncate == Truncate::start || ids.size() < k_max_counted_ids);
      return status && is_counted;
    };
    literals_.split(
        marked(text, lower_case_), [&](std::string_view stretch) { status = append_stretch(stretch, ids, may_go_on); },
        [&](std::int32_t id) {
          if (may_go_on()) ids.push_back(id);
        });
    if (!status) return status.error();
    if (ids.empty() || ids.back() != end_id_) ids.push_back(end_id_);
    return fitted(std::move(ids), 0, max_tokens, truncate, is_counted);
  }

  std::size_t vocabulary_size() const override { return vocabulary_size_; }
  std::optional<Padding> padding() const override {
    return Padding{end_id_, padding_side_};  // SigLIP's pad_token is </s>
  }

 private:
  template <class MayGoOn>
  Status append_stretch(std::string_view stretch, std::vector<std::int32_t>& ids, MayGoOn may_go_on) const {
    if (!may_go_on()) return {};
    const std::string canonical = siglip_canonical(stretch);
    for (std::string_view rest = canonical; !rest.empty() && may_go_on();) {
      const std::string_view slice = first_slice(rest);
      if (slice.empty()) return too_long_a_word();
      const std::vector<std::int32_t> pieces = unigram_.encode(unknown_ + std::string(slice));
      const std::size_t dropped = pieces.size() >= unknown_pieces_ ? unknown_pieces_ : 0;
      ids.insert(ids.end(), pieces.begin() + std::ptrdiff_t(dropped), pieces.end());
      rest.remove_prefix(slice.size());
    }
    return {};
  }

  Unigram unigram_;
  bool lower_case_;
  Padding::Side padding_side_;
  std::size_t vocabulary_size_;
  std::string unknown_;
  std::int32_t end_id_;
  std::size_t unknown_pieces_;  ///< number of pieces of the text "<unk>" itself
  LiteralTokens literals_;
};

/// Checks that the settings are those of SiglipTokenizer. Returns do_lower_case.
Result<bool> read_lower_case(const std::vector<JsonFile>& settings, const SentencePieceFile& file) {
  for (const JsonFile& json : settings) {
    const std::string_view kind = text_member(json.root(), "tokenizer_class");
    if (!kind.empty() && kind != "SiglipTokenizer") {
      return Error{ErrorCode::unsupported, json.path().string() + ": tokenizer_class is \"" + std::string(kind) +
                                               "\"; with a spiece.model, only SiglipTokenizer is supported"};
    }
  }
  const std::string& end = file.pieces[file.end_id].text;
  const std::string& unknown = file.pieces[file.unknown_id].text;
  for (const auto& [name, piece] : {std::pair{"eos_token", end}, {"unk_token", unknown}, {"pad_token", end}}) {
    if (const std::string given = special_token(settings, name, piece.c_str()); given != piece) {
      return Error{ErrorCode::unsupported, settings.front().path().string() + ": " + name + " is \"" + given +
                                               "\"; SigLIP's is \"" + piece + "\""};
    }
  }
  for (const JsonFile& json : settings) {
    if (given_member(json.root(), "do_lower_case") != nullptr) {
      return bool_member(json.root(), "do_lower_case", true);
    }
  }
  return true;
}

}  // namespace

std::string siglip_canonical(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const UChar32 c = next_code_point(text, at);
    if (!is_ascii_punctuation(c)) json::append_utf8(out, c);
  }
  return with_single_spaces(out);
}

Result<std::unique_ptr<Tokenizer>> load_siglip_tokenizer(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "spiece.model";
  const Result<std::string> bytes = read_text_file(file, k_max_tokenizer_bytes);
  if (!bytes) return bytes.error();
  const Result<SentencePieceFile> model = read_sentence_piece_file(*bytes);
  if (!model) return in_file(model.error(), file);
  Result<Unigram> unigram = Unigram::create(*model);
  if (!unigram) return in_file(unigram.error(), file);
  const Result<std::vector<JsonFile>> settings = read_settings(folder);
  if (!settings) return settings.error();
  const Result<bool> lower_case = read_lower_case(*settings, *model);
  if (!lower_case) return lower_case.error();
  const Result<Padding::Side> side = read_padding_side(*settings);
  if (!side) return side.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<SiglipTokenizer>(*model, *std::move(unigram), *lower_case, *side));
}

}  // namespace sightline::models
