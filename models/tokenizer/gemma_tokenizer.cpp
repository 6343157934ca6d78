#include "models/tokenizer/gemma_tokenizer.h"

#include <array>
#include <cstdio>
#include <utility>

#include "models/tokenizer/framed_tokenizer.h"
#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

Error corrupt(const std::string& what) {
  return {ErrorCode::corrupt_data, what};
}

/// The token for a byte of a character that has no token.
std::string byte_token(int byte) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "<0x%02X>", byte);
  return text.data();
}

class GemmaTokenizer final : public FramedTokenizer {
 public:
  GemmaTokenizer(const GemmaFiles& files, const std::array<std::int32_t, 256>& bytes, PairMerges merges)
      : FramedTokenizer(files.vocabulary, files.specials),
        vocabulary_(files.vocabulary),
        bytes_(bytes),
        merges_(std::move(merges)),
        padding_(files.padding) {
    add_literals(files.specials.added);
  }

  std::optional<Padding> padding() const override { return padding_; }

 private:
  std::string normalize(std::string_view text) const override {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const UChar32 c = next_code_point(text, at);
      if (c == ' ') {
        out += k_space_mark;
      } else {
        append_lower(out, c);
      }
    }
    return out;
  }

  void append_words(std::string_view normalized, std::vector<std::int32_t>& ids) const override {
    std::vector<std::int32_t> symbols;
    for (std::size_t at = 0; at < normalized.size();) {
      const std::size_t start = at;
      next_code_point(normalized, at);
      const std::string character(normalized.substr(start, at - start));
      if (const auto found = vocabulary_.find(character); found != vocabulary_.end()) {
        symbols.push_back(found->second);
        continue;
      }
      for (const char byte : character) symbols.push_back(bytes_[static_cast<std::uint8_t>(byte)]);
    }
    merges_.append_merged(symbols, ids);
  }

  Vocabulary vocabulary_;
  std::array<std::int32_t, 256> bytes_;
  PairMerges merges_;
  Padding padding_;
};

Status check_model(const Value& model) {
  if (!text_member(model, "continuing_subword_prefix").empty()) {
    return unsupported_tokenizer("model.continuing_subword_prefix is not empty");
  }
  if (bool_member(model, "ignore_merges", false)) return unsupported_tokenizer("model.ignore_merges is true");
  const Value* dropout = given_member(model, "dropout");
  if (dropout != nullptr && dropout->IsNumber() && dropout->GetDouble() > 0) {
    return unsupported_tokenizer("model.dropout is above 0");
  }
  return {};
}

bool replaces_spaces(const Value& step) {
  const Value* pattern = given_member(step, "pattern");
  return type_of(&step) == "\"Replace\"" && pattern != nullptr && pattern->IsObject() &&
         text_member(*pattern, "String") == " " && text_member(step, "content") == k_space_mark;
}

/// A space must become its mark. The file may lower-case before, as this program always does.
Status check_normalizer(const Value& root) {
  const Value* normalizer = given_member(root, "normalizer");
  const auto wrong = [&] {
    return unsupported_tokenizer("normalizer is " + type_of(normalizer) + ", which does not replace \" \" by \"" +
                                 std::string(k_space_mark) + "\"");
  };
  if (type_of(normalizer) != "\"Sequence\"") {
    return normalizer != nullptr && replaces_spaces(*normalizer) ? Status() : Status(wrong());
  }
  const Value* steps = given_member(*normalizer, "normalizers");
  if (steps == nullptr || !steps->IsArray() || steps->Size() == 0) return wrong();
  for (rapidjson::SizeType i = 0; i + 1 < steps->Size(); ++i) {
    if (type_of(&(*steps)[i]) != "\"Lowercase\"") return wrong();
  }
  return replaces_spaces((*steps)[steps->Size() - 1]) ? Status() : Status(wrong());
}

/// None, or a split at spaces, which the normalizer has already replaced.
Status check_pre_tokenizer(const Value& root) {
  const Value* pre_tokenizer = given_member(root, "pre_tokenizer");
  if (pre_tokenizer == nullptr) return {};
  const Value* pattern = given_member(*pre_tokenizer, "pattern");
  if (type_of(pre_tokenizer) == "\"Split\"" && pattern != nullptr && pattern->IsObject() &&
      text_member(*pattern, "String") == " ") {
    return {};
  }
  return unsupported_tokenizer("pre_tokenizer is " + type_of(pre_tokenizer) + ", not a Split at \" \"");
}

Status check_added_tokens(const Value& root) {
  const Value* tokens = given_member(root, "added_tokens");
  if (tokens == nullptr || !tokens->IsArray()) return {};
  for (rapidjson::SizeType i = 0; i < tokens->Size(); ++i) {
    for (const char* option : {"lstrip", "rstrip"}) {
      if ((*tokens)[i].IsObject() && bool_member((*tokens)[i], option, false)) {
        return unsupported_tokenizer("added_tokens[" + std::to_string(i) + "]." + option + " is true");
      }
    }
  }
  return {};
}

/// The one token after a text. As in transformers, tokenizer_config.json, if it sets both options, overrides the
/// template of tokenizer.json.
Result<Frame> read_end(const Value& root, const Value& config, const std::vector<JsonFile>& settings,
                       const Vocabulary& vocabulary) {
  if (bool_member(config, "add_bos_token", false)) {
    return unsupported_tokenizer("tokenizer_config.json: add_bos_token is true; SigLIP2 starts with the text");
  }
  if (!bool_member(config, "add_eos_token", true)) {
    return unsupported_tokenizer("tokenizer_config.json: add_eos_token is false; SigLIP2 ends with <eos>");
  }
  const bool says_both =
      given_member(config, "add_bos_token") != nullptr && given_member(config, "add_eos_token") != nullptr;
  if (!says_both) return read_frame(root, Framing::end_only);
  const std::string token = special_token(settings, "eos_token", "<eos>");
  const auto id = vocabulary.find(token);
  if (id == vocabulary.end()) return corrupt("model.vocab lacks \"" + token + "\", the eos_token");
  return Frame{std::nullopt, id->second};
}

Result<Padding> read_padding(const Value& config, const std::vector<JsonFile>& settings, const Vocabulary& vocabulary) {
  const std::string token = special_token(settings, "pad_token", "<pad>");
  const auto id = vocabulary.find(token);
  if (id == vocabulary.end()) return corrupt("model.vocab lacks \"" + token + "\", the pad_token");
  const std::string_view side = text_member(config, "padding_side");
  if (side == "right") return Padding{id->second, Padding::Side::right};
  if (side == "left") return Padding{id->second, Padding::Side::left};
  return corrupt("tokenizer_config.json: padding_side is neither \"right\" nor \"left\"");
}

}  // namespace

Result<GemmaFiles> read_gemma_json(const Value& root, const std::vector<JsonFile>& settings) {
  if (settings.empty() || settings.front().path().filename() != "tokenizer_config.json") {
    return corrupt("tokenizer_config.json, which sets the padding of texts, is missing beside it");
  }
  const Value& config = settings.front().root();
  const Value& model = *given_member(root, "model");
  for (const Status& status :
       {check_model(model), check_normalizer(root), check_pre_tokenizer(root), check_added_tokens(root)}) {
    if (!status) return status.error();
  }
  Result<Vocabulary> vocabulary = read_json_vocabulary(model);
  if (!vocabulary) return vocabulary.error();
  Result<Merges> merges = read_json_merges(model);
  if (!merges) return merges.error();
  Result<std::vector<AddedToken>> added = read_added_tokens(root);
  if (!added) return added.error();
  const Result<Frame> frame = read_end(root, config, settings, *vocabulary);
  if (!frame) return frame.error();
  if (Status good = check_frame(settings, {{"eos_token", frame->end_id}}, *vocabulary, *added); !good) {
    return good.error();
  }
  const Result<Padding> padding = read_padding(config, settings, *vocabulary);
  if (!padding) return padding.error();
  return GemmaFiles{*std::move(vocabulary), *std::move(merges), {*std::move(added), *frame}, *padding};
}

Result<std::unique_ptr<Tokenizer>> make_gemma_tokenizer(const GemmaFiles& files) {
  std::array<std::int32_t, 256> bytes{};
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = files.vocabulary.find(byte_token(byte));
    if (found == files.vocabulary.end()) {
      return corrupt("model.vocab lacks \"" + byte_token(byte) + "\", which byte_fallback needs");
    }
    bytes[byte] = found->second;
  }
  Result<PairMerges> merges = PairMerges::create(files.vocabulary, files.merges);
  if (!merges) return merges.error();
  return std::unique_ptr<Tokenizer>(std::make_unique<GemmaTokenizer>(files, bytes, *std::move(merges)));
}

}  // namespace sightline::models
