#include "models/tokenizer/tokenizer_files.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "models/files/file.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

Error corrupt(const std::string& what) {
  return {ErrorCode::corrupt_data, what};
}

constexpr const char* k_truncation_side = "truncation_side";

Error cuts_elsewhere(const std::string& place, std::string_view side) {
  return {ErrorCode::unsupported, place + " is \"" + std::string(side) +
                                      "\"; by default texts are cut at their end: set it to \"right\", and request "
                                      "another end with \"truncate\": \"START\""};
}

Result<AddedToken> read_added_token(const Value& entry, const std::string& where, std::optional<std::int32_t> id,
                                    bool usually_normalized) {
  AddedToken token{std::string(text_member(entry, "content")), id.value_or(0),
                   bool_member(entry, "normalized", usually_normalized), bool_member(entry, "lstrip", false)};
  if (!id || token.content.empty()) return corrupt(where + " lacks an id or a content");
  if (bool_member(entry, "single_word", false)) return unsupported_tokenizer(where + ".single_word is true");
  constexpr const char* k_white = " \t\n\v\f\r";
  const bool all_white = token.content.find_first_not_of(k_white) == std::string::npos;
  if (!all_white && token.content.find_first_of(k_white) != std::string::npos) {
    return unsupported_tokenizer(where + ".content has whitespace beside other characters");
  }
  return token;
}

/// {"cls": ["[CLS]", 101], "sep": ["[SEP]", 102]}
Result<Frame> read_pair(const Value& processor) {
  const auto read = [&](const char* name) -> Result<std::int32_t> {
    const Value* pair = given_member(processor, name);
    const bool is_pair = pair != nullptr && pair->IsArray() && pair->Size() == 2;
    const std::optional<std::int32_t> id = is_pair ? as_token_id((*pair)[1]) : std::nullopt;
    if (!id) return corrupt("post_processor." + std::string(name) + " is not [token, id]");
    return *id;
  };
  const Result<std::int32_t> begin = read("cls");
  if (!begin) return begin.error();
  const Result<std::int32_t> end = read("sep");
  if (!end) return end.error();
  return Frame{*begin, *end};
}

/// The id of {"SpecialToken": {"id": NAME}} in a template. Errors: unsupported (something else).
Result<std::int32_t> read_template_token(const Value& processor, const Value& piece) {
  const Value* special = piece.IsObject() ? given_member(piece, "SpecialToken") : nullptr;
  const Value* all = given_member(processor, "special_tokens");
  if (special == nullptr || !special->IsObject() || all == nullptr || !all->IsObject()) {
    return unsupported_tokenizer("post_processor.single has a piece that is not a special token");
  }
  const std::string name(text_member(*special, "id"));
  const Value* token = given_member(*all, name.c_str());
  const Value* ids = token == nullptr || !token->IsObject() ? nullptr : given_member(*token, "ids");
  const bool has_one = ids != nullptr && ids->IsArray() && ids->Size() == 1;
  const std::optional<std::int32_t> id = has_one ? as_token_id((*ids)[0]) : std::nullopt;
  if (!id) return corrupt("post_processor.special_tokens[\"" + name + "\"] does not have exactly one id");
  return *id;
}

Result<Frame> read_template(const Value& processor, Framing framing) {
  const Value* single = given_member(processor, "single");
  const rapidjson::SizeType text = framing == Framing::both_ends ? 1 : 0;
  if (single == nullptr || !single->IsArray() || single->Size() != text + 2 || !(*single)[text].IsObject() ||
      given_member((*single)[text], "Sequence") == nullptr) {
    return unsupported_tokenizer(framing == Framing::both_ends
                                     ? "post_processor.single is not one token, the text, one token"
                                     : "post_processor.single is not the text and one token");
  }
  Frame frame;
  if (framing == Framing::both_ends) {
    const Result<std::int32_t> begin = read_template_token(processor, (*single)[0]);
    if (!begin) return begin.error();
    frame.begin_id = *begin;
  }
  const Result<std::int32_t> end = read_template_token(processor, (*single)[text + 1]);
  if (!end) return end.error();
  frame.end_id = *end;
  return frame;
}

/// Collects the tokens of a folder. Errors of the members do not have the file's name, unless stated.
class ListedTokens {
 public:
  /// Of a folder without tokenizer.json.
  explicit ListedTokens(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// Of one whose tokenizer.json has `tokens`: it has all ids, so no other file can be missing.
  ListedTokens(std::vector<AddedToken> tokens, const Vocabulary& vocabulary)
      : vocabulary_(vocabulary), has_all_ids_(true), tokens_(std::move(tokens)) {
    for (const AddedToken& token : tokens_) ids_.emplace(token.content, token.id);
  }

  /// added_tokens_decoder of `settings`, else added_tokens.json. Errors name their file.
  Status read_numbered(const std::filesystem::path& folder, const std::vector<JsonFile>& settings) {
    for (const JsonFile& json : settings) {
      const Value* decoder = given_member(json.root(), "added_tokens_decoder");
      if (decoder == nullptr) continue;
      const Status status = read_decoder(*decoder);
      return status ? Status() : in_file(status.error(), json.path());
    }
    const std::filesystem::path file = folder / "added_tokens.json";
    if (!is_there(file)) return {};
    const Result<JsonFile> json = JsonFile::read(file, k_max_tokenizer_bytes);
    if (!json) return json.error();
    const Status status = read_encoder(json->root());
    return status ? Status() : in_file(status.error(), file);
  }

  /// The special tokens that the settings name, in transformers' order. Errors name their file.
  Status read_named(const std::vector<JsonFile>& settings, std::span<const UsualToken> usual) {
    for (const UsualToken& token : usual) {
      if (Status status = read_special(settings, token.name, &token); !status) return status;
    }
    for (const char* name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
                             "additional_special_tokens", "extra_special_tokens"}) {
      if (Status status = read_special(settings, name, nullptr); !status) return status;
    }
    return {};
  }

  std::vector<AddedToken> take() { return std::move(tokens_); }

 private:
  /// The token or the list of that name, of the first file that has it. `usual` null: none.
  Status read_special(const std::vector<JsonFile>& settings, const std::string& name, const UsualToken* usual) {
    const bool normalized = usual != nullptr && usual->normalized;
    for (const JsonFile& json : settings) {
      const Value* value = given_member(json.root(), name.c_str());
      if (value == nullptr) continue;
      const Status status = name.ends_with("_tokens") ? read_list(*value, name) : add_special(*value, name, normalized);
      // tokenizer.json's place is known to the caller.
      return status ? Status() : in_file(status.error(), has_all_ids_ ? json.path().filename() : json.path());
    }
    if (usual == nullptr) return {};
    const auto known = vocabulary_.find(usual->text);
    return known == vocabulary_.end() ? Status() : add({usual->text, known->second, normalized}, name);
  }

  /// {"49407": {"content": "<|endoftext|>", "special": true, ...}}
  Status read_decoder(const Value& decoder) {
    const char* const key = "added_tokens_decoder";
    if (!decoder.IsObject()) return corrupt(std::string(key) + " is not an object");
    for (const auto& member : decoder.GetObject()) {
      const std::string number(member.name.GetString(), member.name.GetStringLength());
      const std::string where = std::string(key) + "[\"" + number + "\"]";
      if (!member.value.IsObject()) return corrupt(where + " is not a token");
      const bool is_special = bool_member(member.value, "special", false);
      Result<AddedToken> token = read_added_token(member.value, where, token_id(number), !is_special);
      if (!token) return token.error();
      if (Status status = add(*std::move(token), where); !status) return status;
    }
    return {};
  }

  /// {"<token>": 49408}
  Status read_encoder(const Value& encoder) {
    for (const auto& member : encoder.GetObject()) {
      const std::string content(member.name.GetString(), member.name.GetStringLength());
      const std::optional<std::int32_t> id = as_token_id(member.value);
      if (!id || content.empty()) return corrupt("\"" + content + "\" has no id");
      if (Status status = add({content, *id, true}, "\"" + content + "\""); !status) return status;
    }
    return {};
  }

  /// ["<a>", {"content": "<b>"}], or {"name": "<c>"}
  Status read_list(const Value& list, const std::string& key) {
    if (list.IsArray()) {
      for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
        if (Status status = add_special(list[i], key + "[" + std::to_string(i) + "]", false); !status) return status;
      }
      return {};
    }
    if (!list.IsObject()) return corrupt(key + " is neither a list nor an object of tokens");
    for (const auto& member : list.GetObject()) {
      if (Status status = add_special(member.value, key + "." + member.name.GetString(), false); !status) return status;
    }
    return {};
  }

  /// "<token>", or {"content": "<token>", ...}.
  Status add_special(const Value& value, const std::string& where, bool usually_normalized) {
    if (!value.IsString() && !value.IsObject()) return corrupt(where + " is not a token");
    const std::string content(value.IsString() ? std::string_view(value.GetString(), value.GetStringLength())
                                               : text_member(value, "content"));
    if (content.empty() || ids_.count(content) != 0) return {};
    const auto known = vocabulary_.find(content);
    if (known == vocabulary_.end()) {
      if (has_all_ids_) return {};
      return corrupt(
          where + " is \"" + content +
          "\", which has no id: neither the vocabulary nor added_tokens_decoder or added_tokens.json has it; "
          "download all files of the same tokenizer");
    }
    if (value.IsString()) return add({content, known->second, usually_normalized}, where);
    Result<AddedToken> token = read_added_token(value, where, known->second, usually_normalized);
    return token ? add(*std::move(token), where) : token.error();
  }

  Status add(AddedToken token, const std::string& where) {
    const auto known = vocabulary_.find(token.content);
    if (known != vocabulary_.end() && known->second != token.id) {
      return corrupt(where + " gives \"" + token.content + "\" the id " + std::to_string(token.id) +
                     ", but the vocabulary gives it " + std::to_string(known->second) +
                     "; the files are of different models");
    }
    if (ids_.emplace(token.content, token.id).second) tokens_.push_back(std::move(token));
    return {};
  }

  static std::optional<std::int32_t> token_id(const std::string& number) {
    int id = 0;
    const char* const end = number.data() + number.size();
    const auto read = std::from_chars(number.data(), end, id);
    return read.ec == std::errc() && read.ptr == end ? as_token_id(Value(id)) : std::nullopt;
  }

  const Vocabulary& vocabulary_;
  bool has_all_ids_ = false;
  std::vector<AddedToken> tokens_;
  Vocabulary ids_;  ///< of `tokens_`
};

}  // namespace

std::size_t SpecialTokens::vocabulary_size(const Vocabulary& vocabulary) const {
  std::int32_t largest = std::max(frame.begin_id.value_or(0), frame.end_id);
  for (const auto& [token, id] : vocabulary) largest = std::max(largest, id);
  for (const AddedToken& token : added) largest = std::max(largest, token.id);
  return static_cast<std::size_t>(largest) + 1;
}

std::optional<std::int32_t> as_token_id(const Value& value) {
  constexpr int k_max_id = 1 << 24;
  if (!value.IsInt() || value.GetInt() < 0 || value.GetInt() >= k_max_id) return std::nullopt;
  return value.GetInt();
}

Error unsupported_tokenizer(const std::string& what) {
  return {ErrorCode::unsupported, what +
                                      "; CLIP's byte-level BPE, BERT's WordPiece, Gemma's BPE and XLM-RoBERTa's "
                                      "unigram model are supported in tokenizer.json"};
}

std::string type_of(const Value* part) {
  const std::string_view type = part == nullptr || !part->IsObject() ? std::string_view() : text_member(*part, "type");
  if (type.empty()) return "nothing";
  std::string quoted = "\"";
  return quoted.append(type).append("\"");
}

Result<Vocabulary> read_json_vocabulary(const Value& model) {
  const Value* entries = given_member(model, "vocab");
  if (entries == nullptr || !entries->IsObject()) return corrupt("model.vocab is not an object of ids");
  Vocabulary vocabulary;
  vocabulary.reserve(entries->MemberCount());
  for (const auto& entry : entries->GetObject()) {
    const std::optional<std::int32_t> id = as_token_id(entry.value);
    std::string token(entry.name.GetString(), entry.name.GetStringLength());
    if (!id) return corrupt("model.vocab[\"" + token + "\"] is not an id");
    vocabulary.emplace(std::move(token), *id);
  }
  return vocabulary;
}

Result<std::vector<AddedToken>> read_added_tokens(const Value& root) {
  std::vector<AddedToken> added;
  const Value* tokens = given_member(root, "added_tokens");
  if (tokens == nullptr) return added;
  if (!tokens->IsArray()) return corrupt("added_tokens is not an array");
  for (rapidjson::SizeType i = 0; i < tokens->Size(); ++i) {
    const Value& entry = (*tokens)[i];
    const std::string where = "added_tokens[" + std::to_string(i) + "]";
    if (!entry.IsObject()) return corrupt(where + " lacks an id or a content");
    const Value* id = given_member(entry, "id");
    Result<AddedToken> token =
        read_added_token(entry, where, id == nullptr ? std::nullopt : as_token_id(*id), /*usually_normalized=*/true);
    if (!token) return token.error();
    added.push_back(*std::move(token));
  }
  return added;
}

Result<Frame> read_frame(const Value& root, Framing framing) {
  const Value* processor = given_member(root, "post_processor");
  const std::string type = type_of(processor);
  if (type == "\"TemplateProcessing\"") return read_template(*processor, framing);
  if (framing == Framing::end_only) {
    return unsupported_tokenizer("post_processor is " + type + ", not TemplateProcessing");
  }
  if (type == "\"RobertaProcessing\"" || type == "\"BertProcessing\"") return read_pair(*processor);
  return unsupported_tokenizer("post_processor is " + type +
                               ", not RobertaProcessing, BertProcessing or TemplateProcessing");
}

Result<SpecialTokens> read_special_tokens(const Value& root) {
  Result<std::vector<AddedToken>> added = read_added_tokens(root);
  if (!added) return added.error();
  const Result<Frame> frame = read_frame(root, Framing::both_ends);
  if (!frame) return frame.error();
  return SpecialTokens{*std::move(added), *frame};
}

Result<std::vector<JsonFile>> read_settings(const std::filesystem::path& folder) {
  std::vector<JsonFile> settings;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!is_there(folder / name)) continue;
    Result<JsonFile> json = JsonFile::read(folder / name, k_max_tokenizer_bytes);
    if (!json) return json.error();
    const std::string_view side = text_member(json->root(), k_truncation_side);
    if (!side.empty() && side != "right") return cuts_elsewhere(json->path().string() + ": truncation_side", side);
    settings.push_back(*std::move(json));
  }
  return settings;
}

Status find_usual_tokens(const std::filesystem::path& file, const std::vector<JsonFile>& settings,
                         const Vocabulary& vocabulary, std::span<const UsualToken> usual,
                         std::span<std::int32_t* const> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string token = special_token(settings, usual[i].name, usual[i].text);
    const auto found = vocabulary.find(token);
    if (found == vocabulary.end()) {
      return Error{ErrorCode::corrupt_data, file.string() + " lacks \"" + token + "\", the " + usual[i].name};
    }
    *ids[i] = found->second;
  }
  return {};
}

Result<std::vector<AddedToken>> read_listed_tokens(const std::filesystem::path& folder,
                                                   const std::vector<JsonFile>& settings, const Vocabulary& vocabulary,
                                                   std::span<const UsualToken> usual) {
  ListedTokens listed(vocabulary);
  if (Status status = listed.read_numbered(folder, settings); !status) return status.error();
  if (Status status = listed.read_named(settings, usual); !status) return status.error();
  return listed.take();
}

Status add_named_tokens(const std::vector<JsonFile>& settings, const Vocabulary& vocabulary,
                        std::vector<AddedToken>& added) {
  ListedTokens listed(std::move(added), vocabulary);
  if (Status status = listed.read_named(settings, {}); !status) return status;
  added = listed.take();
  return {};
}

std::string special_token(const std::vector<JsonFile>& settings, const char* name, const char* absent) {
  for (const JsonFile& json : settings) {
    const Value* value = given_member(json.root(), name);
    if (value == nullptr) continue;
    const std::string_view text = value->IsObject() ? text_member(*value, "content") : text_member(json.root(), name);
    if (!text.empty()) return std::string(text);
  }
  return absent;
}

Result<Padding::Side> read_padding_side(const std::vector<JsonFile>& settings) {
  for (const JsonFile& json : settings) {
    const Value* side = given_member(json.root(), "padding_side");
    if (side == nullptr) continue;
    if (*side == "right") return Padding::Side::right;
    if (*side == "left") return Padding::Side::left;
    return corrupt(json.path().string() + ": padding_side is neither \"right\" nor \"left\"");
  }
  return Padding::Side::right;
}

Status check_frame(const std::vector<JsonFile>& settings, const std::vector<FrameToken>& tokens,
                   const std::function<std::optional<std::int32_t>(const std::string&)>& id_of) {
  for (const FrameToken& token : tokens) {
    const std::string text = special_token(settings, token.name, "");
    if (text.empty() || id_of(text) == token.id) continue;
    return corrupt("texts get the id " + std::to_string(token.id) + " at an end, but " + token.name +
                   " of tokenizer_config.json or special_tokens_map.json is \"" + text +
                   "\"; the files are of different models");
  }
  return {};
}

Status check_frame(const std::vector<JsonFile>& settings, const std::vector<FrameToken>& tokens,
                   const Vocabulary& vocabulary, const std::vector<AddedToken>& added) {
  return check_frame(settings, tokens, [&](const std::string& text) -> std::optional<std::int32_t> {
    for (const AddedToken& token : added) {
      if (token.content == text) return token.id;
    }
    const auto found = vocabulary.find(text);
    return found == vocabulary.end() ? std::nullopt : std::optional(found->second);
  });
}

Status check_truncation(const Value& root, const std::vector<JsonFile>& settings) {
  for (const JsonFile& json : settings) {
    if (!text_member(json.root(), k_truncation_side).empty()) return {};
  }
  const Value* truncation = given_member(root, "truncation");
  const std::string_view side = truncation == nullptr ? std::string_view() : text_member(*truncation, "direction");
  return side.empty() || side == "Right" ? Status() : Status(cuts_elsewhere("truncation.direction", side));
}

}  // namespace sightline::models
