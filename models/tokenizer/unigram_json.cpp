#include "models/tokenizer/unigram_json.h"

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/string_map.h"
#include "models/tokenizer/tokenizer_files.h"
#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

Error corrupt(const std::string& what) {
  return {ErrorCode::corrupt_data, what};
}

/// Steps that change nothing in text without whitespace at its ends and in runs, after the character map.
bool tidies_spaces(const Value& step) {
  if (type_of(&step) == "\"Strip\"") return !bool_member(step, "strip_left", true);
  const Value* pattern = given_member(step, "pattern");
  const std::string_view content = text_member(step, "content");
  return type_of(&step) == "\"Replace\"" && pattern != nullptr && text_member(*pattern, "Regex") == " {2,}" &&
         (content == " " || content == k_space_mark);
}

Status read_character_map(const Value& step, SentencePieceFile& file) {
  const std::string_view encoded = text_member(step, "precompiled_charsmap");
  if (encoded.empty()) return corrupt("normalizer.precompiled_charsmap is missing");
  Result<std::string> map = base64_decode(encoded);
  if (!map) return corrupt("normalizer.precompiled_charsmap is not base64");
  file.character_map = *std::move(map);
  return {};
}

Status read_normalizer(const Value& root, SentencePieceFile& file) {
  const Value* normalizer = given_member(root, "normalizer");
  if (normalizer == nullptr) return {};
  if (type_of(normalizer) == "\"Precompiled\"") return read_character_map(*normalizer, file);
  const Value* steps = given_member(*normalizer, "normalizers");
  if (type_of(normalizer) != "\"Sequence\"" || steps == nullptr || !steps->IsArray()) {
    return unsupported_tokenizer("normalizer is " + type_of(normalizer) + ", not Precompiled");
  }
  for (rapidjson::SizeType i = 0; i < steps->Size(); ++i) {
    const Value& step = (*steps)[i];
    if (i == 0 && type_of(&step) == "\"Precompiled\"") {
      if (Status read = read_character_map(step, file); !read) return read;
    } else if (!tidies_spaces(step)) {
      return unsupported_tokenizer("normalizer.normalizers[" + std::to_string(i) + "] is " + type_of(&step) +
                                   ", not T5's");
    }
  }
  return {};
}

/// A mark before the first word of a text, which is the only one without a space before it.
bool is_metaspace(const Value& step) {
  const std::string_view scheme = text_member(step, "prepend_scheme");
  return type_of(&step) == "\"Metaspace\"" && text_member(step, "replacement") == k_space_mark &&
         (scheme.empty() ? bool_member(step, "add_prefix_space", true) : scheme == "always" || scheme == "first");
}

/// The step behind a split at whitespace; null if the pre-tokenizer is anything but two such steps.
const Value* step_after_split(const Value& pre_tokenizer) {
  const Value* steps = given_member(pre_tokenizer, "pretokenizers");
  const bool is_split = type_of(&pre_tokenizer) == "\"Sequence\"" && steps != nullptr && steps->IsArray() &&
                        steps->Size() == 2 && type_of(&(*steps)[0]) == "\"WhitespaceSplit\"";
  return is_split ? &(*steps)[1] : nullptr;
}

/// Metaspace, perhaps after a split at whitespace, which then changes nothing.
Status check_pre_tokenizer(const Value& root) {
  const Value* pre_tokenizer = given_member(root, "pre_tokenizer");
  const auto wrong = [&] {
    return unsupported_tokenizer("pre_tokenizer is " + type_of(pre_tokenizer) +
                                 ", not a Metaspace with a mark before every text");
  };
  if (pre_tokenizer == nullptr) return wrong();
  if (is_metaspace(*pre_tokenizer)) return {};
  const Value* step = step_after_split(*pre_tokenizer);
  const bool good = step != nullptr && is_metaspace(*step) && text_member(*step, "prepend_scheme") != "first";
  return good ? Status() : Status(wrong());
}

/// [text, score]
Result<SentencePieceFile::Piece> read_piece(const Value& entry, std::size_t id) {
  constexpr std::size_t k_max_piece_bytes = 1024;
  SentencePieceFile::Piece piece;
  const bool is_pair = entry.IsArray() && entry.Size() == 2 && entry[0].IsString() && entry[1].IsNumber();
  if (is_pair) {
    piece.text.assign(entry[0].GetString(), entry[0].GetStringLength());
    piece.score = entry[1].GetDouble();
  }
  const bool good =
      is_pair && !piece.text.empty() && piece.text.size() <= k_max_piece_bytes && std::isfinite(piece.score);
  if (!good) return corrupt("model.vocab[" + std::to_string(id) + "] is not a piece and its score");
  return piece;
}

Status read_pieces(const Value& model, SentencePieceFile& file) {
  constexpr rapidjson::SizeType k_max_pieces = 2'000'000;
  const Value* entries = given_member(model, "vocab");
  if (entries == nullptr || !entries->IsArray() || entries->Size() > k_max_pieces) {
    return corrupt("model.vocab is not an array of pieces");
  }
  for (const Value& entry : entries->GetArray()) {
    Result<SentencePieceFile::Piece> piece = read_piece(entry, file.pieces.size());
    if (!piece) return piece.error();
    file.pieces.push_back(*std::move(piece));
  }
  const Value* unknown = given_member(model, "unk_id");
  const std::optional<std::int32_t> id = unknown == nullptr ? std::nullopt : as_token_id(*unknown);
  if (!id || static_cast<std::size_t>(*id) >= file.pieces.size()) return corrupt("model.unk_id is not an id");
  file.unknown_id = *id;
  file.pieces[static_cast<std::size_t>(*id)].kind = SentencePieceFile::Kind::unknown;
  return {};
}

/// Added tokens never come from a text without punctuation. Those beyond the vocabulary are T5's <extra_id_N>.
Status read_added(const Value& root, SentencePieceFile& file) {
  const Result<std::vector<AddedToken>> added = read_added_tokens(root);
  if (!added) return added.error();
  for (const AddedToken& token : *added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= file.pieces.size()) continue;
    SentencePieceFile::Piece& piece = file.pieces[id];
    if (piece.text != token.content) {
      return corrupt("added_tokens has \"" + token.content + "\" with the id of \"" + piece.text + "\"");
    }
    if (piece.kind == SentencePieceFile::Kind::normal) piece.kind = SentencePieceFile::Kind::control;
  }
  return {};
}

/// The steps of the normalizer after the character map.
Status read_step(const Value& step, const std::string& place, XlmRobertaFiles& files) {
  if (type_of(&step) == "\"Strip\"" && !bool_member(step, "strip_left", true) &&
      bool_member(step, "strip_right", true) && !files.run_replacement) {
    files.strips_end = true;
    return {};
  }
  const Value* pattern = given_member(step, "pattern");
  if (type_of(&step) == "\"Replace\"" && pattern != nullptr && text_member(*pattern, "Regex") == " {2,}" &&
      !files.run_replacement) {
    files.run_replacement = text_member(step, "content");
    return {};
  }
  return unsupported_tokenizer(place + " is " + type_of(&step) + ", not one of XLM-RoBERTa's");
}

Status read_xlm_roberta_normalizer(const Value& root, XlmRobertaFiles& files) {
  const Value* normalizer = given_member(root, "normalizer");
  if (type_of(normalizer) == "\"Precompiled\"") return read_character_map(*normalizer, files.model);
  const Value* steps = normalizer == nullptr ? nullptr : given_member(*normalizer, "normalizers");
  const bool is_sequence = type_of(normalizer) == "\"Sequence\"" && steps != nullptr && steps->IsArray() &&
                           steps->Size() >= 1 && type_of(&(*steps)[0]) == "\"Precompiled\"";
  if (!is_sequence) {
    return unsupported_tokenizer("normalizer is " + type_of(normalizer) +
                                 ", not Precompiled or steps that begin with it");
  }
  if (Status map = read_character_map((*steps)[0], files.model); !map) return map;
  for (rapidjson::SizeType i = 1; i < steps->Size(); ++i) {
    const std::string place = "normalizer.normalizers[" + std::to_string(i) + "]";
    if (Status step = read_step((*steps)[i], place, files); !step) return step;
  }
  return {};
}

/// A mark before every word.
bool marks_words(const Value& step) {
  return is_metaspace(step) && text_member(step, "prepend_scheme") != "first" && bool_member(step, "split", true);
}

Status read_xlm_roberta_pre_tokenizer(const Value& root, XlmRobertaFiles& files) {
  const Value* pre_tokenizer = given_member(root, "pre_tokenizer");
  if (pre_tokenizer != nullptr && marks_words(*pre_tokenizer)) return {};
  const Value* step = pre_tokenizer == nullptr ? nullptr : step_after_split(*pre_tokenizer);
  files.splits_at_whitespace = step != nullptr && marks_words(*step);
  if (files.splits_at_whitespace) return {};
  return unsupported_tokenizer("pre_tokenizer is " + type_of(pre_tokenizer) +
                               ", not a Metaspace with a mark before every word, alone or after a WhitespaceSplit");
}

/// Added tokens may remove whitespace before them, as <mask> does.
Status check_sides(const Value& root) {
  const Value* tokens = given_member(root, "added_tokens");
  if (tokens == nullptr || !tokens->IsArray()) return {};
  for (rapidjson::SizeType i = 0; i < tokens->Size(); ++i) {
    if (!(*tokens)[i].IsObject() || !bool_member((*tokens)[i], "rstrip", false)) continue;
    return unsupported_tokenizer("added_tokens[" + std::to_string(i) + "].rstrip is true");
  }
  return {};
}

Status check_unigram(const Value* model) {
  if (type_of(model) != "\"Unigram\"") {
    return unsupported_tokenizer("model.type is " + type_of(model) + ", not \"Unigram\"");
  }
  if (bool_member(*model, "byte_fallback", false)) return unsupported_tokenizer("model.byte_fallback is true");
  return {};
}

/// An added token that is also a piece has the piece's id, as in the reference.
Status check_added_ids(const std::vector<AddedToken>& added, const std::vector<SentencePieceFile::Piece>& pieces) {
  StringViewMap<std::int32_t> ids;
  const auto contradiction = [](std::string_view content) {
    return corrupt("added_tokens has \"" + std::string(content) + "\" with another id than model.vocab");
  };
  for (const AddedToken& token : added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id < pieces.size() && pieces[id].text != token.content) return contradiction(token.content);
    ids.emplace(token.content, token.id);
  }
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    const auto found = ids.find(pieces[id].text);
    if (found != ids.end() && static_cast<std::size_t>(found->second) != id) return contradiction(found->first);
  }
  return {};
}

}  // namespace

Result<SentencePieceFile> read_unigram_json(const Value& root) {
  const Value* model = given_member(root, "model");
  if (Status good = check_unigram(model); !good) return good.error();
  SentencePieceFile file;
  for (const Status& status :
       {read_normalizer(root, file), check_pre_tokenizer(root), read_pieces(*model, file), read_added(root, file)}) {
    if (!status) return status.error();
  }
  const Result<Frame> frame = read_frame(root, Framing::end_only);
  if (!frame) return frame.error();
  if (static_cast<std::size_t>(frame->end_id) >= file.pieces.size()) return corrupt("post_processor has an unknown id");
  file.end_id = frame->end_id;
  return file;
}

Result<XlmRobertaFiles> read_xlm_roberta_json(const Value& root) {
  const Value* model = given_member(root, "model");
  if (Status good = check_unigram(model); !good) return good.error();
  XlmRobertaFiles files;
  for (const Status& status : {read_xlm_roberta_normalizer(root, files), read_xlm_roberta_pre_tokenizer(root, files),
                               check_sides(root), read_pieces(*model, files.model)}) {
    if (!status) return status.error();
  }
  // In the reference a text may contain a special token's piece, after its characters were mapped.
  files.model.pieces[static_cast<std::size_t>(files.model.unknown_id)].kind = SentencePieceFile::Kind::normal;
  Result<SpecialTokens> specials = read_special_tokens(root);
  if (!specials) return specials.error();
  files.added = std::move(specials->added);
  if (Status good = check_added_ids(files.added, files.model.pieces); !good) return good.error();
  files.frame = specials->frame;
  return files;
}

}  // namespace sightline::models
