// tokenizer.json: the pipeline is checked part by part, so that no other tokenizer is taken for CLIP's.
#include <array>
#include <initializer_list>

#include "models/files/json_file.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

/// Reads one file; every member returns what is wrong, without the file's name.
class TokenizerJson {
 public:
  explicit TokenizerJson(const Value& root) : root_(root) {}

  Result<TokenizerFiles> read() {
    using Step = Status (TokenizerJson::*)();
    for (const Step step :
         {&TokenizerJson::read_model, &TokenizerJson::read_added_tokens, &TokenizerJson::check_normalizer,
          &TokenizerJson::check_pre_tokenizer, &TokenizerJson::read_post_processor}) {
      if (Status status = (this->*step)(); !status) return status.error();
    }
    return std::move(files_);
  }

 private:
  static Error unsupported(const std::string& what) {
    return {ErrorCode::unsupported, what + "; only CLIP's byte-level BPE tokenizers are read"};
  }
  static Error corrupt(const std::string& what) { return {ErrorCode::corrupt_data, what}; }

  static std::string type_of(const Value* part) {
    const std::string_view type = part == nullptr ? std::string_view() : text_member(*part, "type");
    if (type.empty()) return "nothing";
    std::string quoted = "\"";
    return quoted.append(type).append("\"");
  }

  Status read_model() {
    const Value* model = given_member(root_, "model");
    if (model == nullptr || text_member(*model, "type") != "BPE") {
      return unsupported("model.type is " + type_of(model) + ", not \"BPE\"");
    }
    if (text_member(*model, "end_of_word_suffix") != k_end_of_word) {
      return unsupported("model.end_of_word_suffix is \"" +
                         std::string(text_member(*model, "end_of_word_suffix")) + "\", not \"</w>\"");
    }
    if (!text_member(*model, "continuing_subword_prefix").empty()) {
      return unsupported("model.continuing_subword_prefix is not empty");
    }
    for (const char* option : {"byte_fallback", "ignore_merges"}) {
      if (bool_member(*model, option, false)) return unsupported("model." + std::string(option) + " is true");
    }
    if (const Value* dropout = given_member(*model, "dropout");
        dropout != nullptr && dropout->IsNumber() && dropout->GetDouble() > 0) {
      return unsupported("model.dropout is above 0");
    }
    if (Status status = read_vocabulary(*model); !status) return status;
    if (Status status = read_merges(*model); !status) return status;
    const std::string unknown(text_member(*model, "unk_token"));
    if (const auto found = files_.vocabulary.find(unknown); found != files_.vocabulary.end()) {
      files_.unknown_id = found->second;
    } else if (!unknown.empty()) {
      return corrupt("model.unk_token \"" + unknown + "\" is not in model.vocab");
    }
    return {};
  }

  Status read_vocabulary(const Value& model) {
    const Value* vocabulary = given_member(model, "vocab");
    if (vocabulary == nullptr || !vocabulary->IsObject())
      return corrupt("model.vocab is not an object of ids");
    files_.vocabulary.reserve(vocabulary->MemberCount());
    for (const auto& entry : vocabulary->GetObject()) {
      const std::optional<std::int32_t> id = as_token_id(entry.value);
      const std::string token(entry.name.GetString(), entry.name.GetStringLength());
      if (!id) return corrupt("model.vocab[\"" + token + "\"] is not an id");
      files_.vocabulary.emplace(token, *id);
    }
    return {};
  }

  /// Merges are "a b" in older files and ["a", "b"] in newer ones.
  Status read_merges(const Value& model) {
    const Value* merges = given_member(model, "merges");
    if (merges == nullptr || !merges->IsArray()) return corrupt("model.merges is not an array");
    files_.merges.reserve(merges->Size());
    for (rapidjson::SizeType i = 0; i < merges->Size(); ++i) {
      const Value& merge = (*merges)[i];
      if (merge.IsArray() && merge.Size() == 2 && merge[0].IsString() && merge[1].IsString()) {
        files_.merges.emplace_back(merge[0].GetString(), merge[1].GetString());
        continue;
      }
      const std::string_view line = merge.IsString()
                                        ? std::string_view(merge.GetString(), merge.GetStringLength())
                                        : std::string_view();
      const std::size_t space = line.find(' ');
      if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
        return corrupt("model.merges[" + std::to_string(i) + "] is neither \"a b\" nor [\"a\", \"b\"]");
      }
      files_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    return {};
  }

  Status read_added_tokens() {
    const Value* tokens = given_member(root_, "added_tokens");
    if (tokens == nullptr) return {};
    if (!tokens->IsArray()) return corrupt("added_tokens is not an array");
    for (rapidjson::SizeType i = 0; i < tokens->Size(); ++i) {
      const Value* id_value = given_member((*tokens)[i], "id");
      const std::optional<std::int32_t> id = id_value == nullptr ? std::nullopt : as_token_id(*id_value);
      AddedToken token{std::string(text_member((*tokens)[i], "content")), id.value_or(0),
                       bool_member((*tokens)[i], "normalized", true)};
      const std::string where = "added_tokens[" + std::to_string(i) + "]";
      if (!id || token.content.empty()) return corrupt(where + " lacks an id or a content");
      if (Status status = check_added_token((*tokens)[i], token, where); !status) return status;
      files_.added_tokens.push_back(std::move(token));
    }
    return {};
  }

  static Status check_added_token(const Value& entry, const AddedToken& token, const std::string& where) {
    if (bool_member(entry, "single_word", false)) return unsupported(where + ".single_word is true");
    if (token.content.find_first_of(" \t\n\v\f\r") != std::string::npos) {
      return unsupported(where + ".content has white space in it");
    }
    return {};
  }

  /// NFC, \s+ to one space, lower case, in this order.
  Status check_normalizer() {
    const Value* normalizer = given_member(root_, "normalizer");
    if (type_of(normalizer) != "\"Sequence\"") {
      return unsupported("normalizer is " + type_of(normalizer) + ", not NFC, \\s+ to a space, Lowercase");
    }
    const Value* steps = given_member(*normalizer, "normalizers");
    constexpr std::array k_expected{"NFC", "Replace", "Lowercase"};
    if (steps == nullptr || !steps->IsArray() || steps->Size() != k_expected.size()) {
      return unsupported("normalizer.normalizers is not NFC, Replace, Lowercase");
    }
    for (rapidjson::SizeType i = 0; i < steps->Size(); ++i) {
      if (text_member((*steps)[i], "type") != k_expected[i]) {
        return unsupported("normalizer.normalizers[" + std::to_string(i) + "] is " + type_of(&(*steps)[i]) +
                           ", not \"" + k_expected[i] + "\"");
      }
    }
    const Value* pattern = given_member((*steps)[1], "pattern");
    if (pattern == nullptr || text_member(*pattern, "Regex") != "\\s+" ||
        text_member((*steps)[1], "content") != " ") {
      return unsupported("normalizer.normalizers[1] does not replace \\s+ by one space");
    }
    return {};
  }

  Status check_pre_tokenizer() {
    const Value* pre_tokenizer = given_member(root_, "pre_tokenizer");
    const Value* steps = pre_tokenizer == nullptr ? nullptr : given_member(*pre_tokenizer, "pretokenizers");
    if (type_of(pre_tokenizer) != "\"Sequence\"" || steps == nullptr || !steps->IsArray() ||
        steps->Size() != 2 || text_member((*steps)[0], "type") != "Split" ||
        text_member((*steps)[1], "type") != "ByteLevel") {
      return unsupported("pre_tokenizer is not a sequence of Split and ByteLevel");
    }
    const Value& split = (*steps)[0];
    const Value* pattern = given_member(split, "pattern");
    const std::string_view regex = pattern == nullptr ? std::string_view() : text_member(*pattern, "Regex");
    if (!is_clip_regex(regex)) {
      return unsupported("pre_tokenizer.pretokenizers[0].pattern is \"" + std::string(regex) + "\"");
    }
    if (text_member(split, "behavior") != "Removed" || !bool_member(split, "invert", false)) {
      return unsupported("pre_tokenizer.pretokenizers[0] does not keep what its pattern matches");
    }
    if (bool_member((*steps)[1], "add_prefix_space", true)) {
      return unsupported("pre_tokenizer.pretokenizers[1].add_prefix_space is true");
    }
    return {};
  }

  /// CLIP's pattern, with or without the added tokens as first alternatives: those were cut out before, so
  /// that their alternatives never match.
  bool is_clip_regex(std::string_view regex) const {
    constexpr std::string_view k_regex = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
    if (!regex.ends_with(k_regex)) return false;
    regex.remove_suffix(k_regex.size());
    while (!regex.empty()) {
      bool stripped = false;
      for (const AddedToken& token : files_.added_tokens) {
        const std::string alternative = escape_regex(token.content) + "|";
        if (!regex.starts_with(alternative)) continue;
        regex.remove_prefix(alternative.size());
        stripped = true;
      }
      if (!stripped) return false;
    }
    return true;
  }

  static std::string escape_regex(std::string_view literal) {
    std::string out;
    for (const char c : literal) {
      if (std::string_view("\\|.*+?()[]{}^$").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    return out;
  }

  /// BOS and EOS around the text, in either of the two spellings in use.
  Status read_post_processor() {
    const Value* processor = given_member(root_, "post_processor");
    const std::string type = type_of(processor);
    if (type == "\"RobertaProcessing\"") {
      for (const auto& [name, id] : {std::pair{"cls", &files_.begin_id}, {"sep", &files_.end_id}}) {
        const Value* pair = given_member(*processor, name);
        const bool is_pair = pair != nullptr && pair->IsArray() && pair->Size() == 2;
        const std::optional<std::int32_t> read = is_pair ? as_token_id((*pair)[1]) : std::nullopt;
        if (!read) return corrupt("post_processor." + std::string(name) + " is not [token, id]");
        *id = *read;
      }
      return {};
    }
    if (type == "\"TemplateProcessing\"") return read_template(*processor);
    return unsupported("post_processor is " + type + ", not RobertaProcessing or TemplateProcessing");
  }

  Status read_template(const Value& processor) {
    const Value* single = given_member(processor, "single");
    const bool has_three = single != nullptr && single->IsArray() && single->Size() == 3;
    if (!has_three || given_member((*single)[1], "Sequence") == nullptr) {
      return unsupported("post_processor.single is not BOS, the text, EOS");
    }
    for (const auto& [index, id] : {std::pair{0, &files_.begin_id}, {2, &files_.end_id}}) {
      const Value* special = given_member((*single)[index], "SpecialToken");
      const Value* all = given_member(processor, "special_tokens");
      if (special == nullptr || all == nullptr)
        return unsupported("post_processor.single is not BOS, the text, EOS");
      const std::string name(text_member(*special, "id"));
      const Value* token = given_member(*all, name.c_str());
      const Value* ids = token == nullptr ? nullptr : given_member(*token, "ids");
      const bool has_one = ids != nullptr && ids->IsArray() && ids->Size() == 1;
      const std::optional<std::int32_t> read = has_one ? as_token_id((*ids)[0]) : std::nullopt;
      if (!read) return corrupt("post_processor.special_tokens[\"" + name + "\"] has not exactly one id");
      *id = *read;
    }
    return {};
  }

  const Value& root_;
  TokenizerFiles files_;
};

}  // namespace

Result<TokenizerFiles> read_tokenizer_json(const std::filesystem::path& file) {
  const Result<JsonFile> json = JsonFile::read(file, k_max_tokenizer_bytes);
  if (!json) return json.error();
  Result<TokenizerFiles> files = TokenizerJson(json->root()).read();
  if (!files) return Error{files.error().code, file.string() + ": " + files.error().message};
  return files;
}

}  // namespace sightline::models
