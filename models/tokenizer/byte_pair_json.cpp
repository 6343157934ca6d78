// CLIP's tokenizer.json: the pipeline is checked part by part, so that no other tokenizer is used as
// CLIP's.
#include <array>
#include <initializer_list>

#include "models/files/json_file.h"
#include "models/tokenizer/clip_tokenizer.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

/// Reads one file. Errors of the members do not have the file's name.
class BytePairJson {
 public:
  explicit BytePairJson(const Value& root) : root_(root) {}

  Result<BytePairFiles> read() {
    using Step = Status (BytePairJson::*)();
    for (const Step step : {&BytePairJson::read_model, &BytePairJson::read_specials, &BytePairJson::check_normalizer,
                            &BytePairJson::check_pre_tokenizer}) {
      if (Status status = (this->*step)(); !status) return status.error();
    }
    return std::move(files_);
  }

 private:
  static Error unsupported(const std::string& what) { return unsupported_tokenizer(what); }
  static Error corrupt(const std::string& what) { return {ErrorCode::corrupt_data, what}; }

  Status read_model() {
    const Value* model = given_member(root_, "model");
    if (model == nullptr || text_member(*model, "type") != "BPE") {
      return unsupported("model.type is " + type_of(model) + ", not \"BPE\"");
    }
    if (text_member(*model, "end_of_word_suffix") != k_end_of_word) {
      return unsupported("model.end_of_word_suffix is \"" + std::string(text_member(*model, "end_of_word_suffix")) +
                         "\", not \"</w>\"");
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
    Result<Vocabulary> vocabulary = read_json_vocabulary(*model);
    if (!vocabulary) return vocabulary.error();
    files_.vocabulary = *std::move(vocabulary);
    Result<Merges> merges = read_json_merges(*model);
    if (!merges) return merges.error();
    files_.merges = *std::move(merges);
    const std::string unknown(text_member(*model, "unk_token"));
    if (const auto found = files_.vocabulary.find(unknown); found != files_.vocabulary.end()) {
      files_.unknown_id = found->second;
    } else if (!unknown.empty()) {
      return corrupt("model.unk_token \"" + unknown + "\" is not in model.vocab");
    }
    return {};
  }

  Status read_specials() {
    Result<SpecialTokens> specials = read_special_tokens(root_);
    if (!specials) return specials.error();
    files_.specials = *std::move(specials);
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
    if (pattern == nullptr || text_member(*pattern, "Regex") != "\\s+" || text_member((*steps)[1], "content") != " ") {
      return unsupported("normalizer.normalizers[1] does not replace \\s+ by one space");
    }
    return {};
  }

  Status check_pre_tokenizer() {
    const Value* pre_tokenizer = given_member(root_, "pre_tokenizer");
    const Value* steps = pre_tokenizer == nullptr ? nullptr : given_member(*pre_tokenizer, "pretokenizers");
    if (type_of(pre_tokenizer) != "\"Sequence\"" || steps == nullptr || !steps->IsArray() || steps->Size() != 2 ||
        text_member((*steps)[0], "type") != "Split" || text_member((*steps)[1], "type") != "ByteLevel") {
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

  /// CLIP's pattern, with or without the added tokens as first alternatives. Those tokens were cut out before, so their
  /// alternatives never match.
  bool is_clip_regex(std::string_view regex) const {
    constexpr std::string_view k_regex = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
    if (!regex.ends_with(k_regex)) return false;
    regex.remove_suffix(k_regex.size());
    while (!regex.empty()) {
      bool stripped = false;
      for (const AddedToken& token : files_.specials.added) {
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

  const Value& root_;
  BytePairFiles files_;
};

}  // namespace

Result<BytePairFiles> read_byte_pair_json(const Value& root) {
  return BytePairJson(root).read();
}

}  // namespace sightline::models
