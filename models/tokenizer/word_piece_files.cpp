// BERT's vocabularies: tokenizer.json, or vocab.txt with tokenizer_config.json.
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "models/files/file.h"
#include "models/files/json_file.h"
#include "models/tokenizer/bert_tokenizer.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

constexpr const char* k_settings_file = "tokenizer_config.json";

/// The first three are part of every text, or of what is made of it.
constexpr std::array<UsualToken, 5> k_usual_tokens{{{"cls_token", "[CLS]"},
                                                    {"sep_token", "[SEP]"},
                                                    {"unk_token", "[UNK]"},
                                                    {"pad_token", "[PAD]"},
                                                    {"mask_token", "[MASK]"}}};

/// strip_accents defaults to the value of lowercase.
BertNormalizer read_normalizer(const Value& json, const char* chinese_key, const char* lowercase_key) {
  BertNormalizer normalizer;
  normalizer.clean_text = bool_member(json, "clean_text", true);
  normalizer.space_chinese_letters = bool_member(json, chinese_key, true);
  normalizer.lowercase = bool_member(json, lowercase_key, true);
  normalizer.strip_accents = bool_member(json, "strip_accents", normalizer.lowercase);
  return normalizer;
}

/// transformers builds its tokenizer from tokenizer_config.json, other programs from tokenizer.json: if the two
/// contradict each other, there is no right answer. Only what tokenizer_config.json states is compared.
Status check_settings(const BertNormalizer& normalizer, const std::vector<JsonFile>& settings) {
  for (const JsonFile& json : settings) {
    if (json.path().filename() != k_settings_file) continue;
    const Value& root = json.root();
    const bool is_same = bool_member(root, "do_lower_case", normalizer.lowercase) == normalizer.lowercase &&
                         bool_member(root, "strip_accents", normalizer.strip_accents) == normalizer.strip_accents &&
                         bool_member(root, "tokenize_chinese_chars", normalizer.space_chinese_letters) ==
                             normalizer.space_chinese_letters;
    if (is_same) continue;
    return Error{ErrorCode::corrupt_data,
                 "normalizer contradicts do_lower_case, strip_accents or tokenize_chinese_chars of "
                 "tokenizer_config.json; the files are of different models"};
  }
  return {};
}

/// Without the setting texts are lower-cased, so a cased vocabulary would give wrong ids unnoticed.
Status check_case(const Vocabulary& vocabulary, const std::vector<JsonFile>& settings) {
  for (const JsonFile& json : settings) {
    if (json.path().filename() != k_settings_file) continue;
    const Value* given = given_member(json.root(), "do_lower_case");
    if (given != nullptr && given->IsBool()) return {};
  }
  for (const auto& [token, id] : vocabulary) {
    // [CLS], and <S> of Chinese-CLIP: words end at punctuation, so no text has them.
    if ((token.starts_with('[') && token.ends_with(']')) || (token.starts_with('<') && token.ends_with('>'))) continue;
    if (std::none_of(token.begin(), token.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) continue;
    return Error{ErrorCode::not_found,
                 "vocab.txt has tokens with capital letters (\"" + token +
                     "\"), but tokenizer_config.json does not set do_lower_case, so texts might lose theirs: download "
                     "tokenizer_config.json of the same model"};
  }
  return {};
}

}  // namespace

Result<WordPieceFiles> read_word_piece_json(const Value& root, const std::vector<JsonFile>& settings) {
  const Value* model = given_member(root, "model");
  if (model == nullptr) return unsupported_tokenizer("model is missing, not \"WordPiece\"");
  WordPieceFiles files;
  Result<Vocabulary> vocabulary = read_json_vocabulary(*model);
  if (!vocabulary) return vocabulary.error();
  files.vocabulary = *std::move(vocabulary);
  ObjectReader reader(model, "model");
  files.continuing_prefix = reader.string("continuing_subword_prefix", "##");
  files.max_word_letters = reader.integer("max_input_chars_per_word", 100, 1, 1'000'000);
  const std::string unknown = reader.string("unk_token", "[UNK]");
  if (!reader.status()) return reader.status().error();
  const auto found = files.vocabulary.find(unknown);
  if (found == files.vocabulary.end()) {
    return Error{ErrorCode::corrupt_data, "model.unk_token \"" + unknown + "\" is not in model.vocab"};
  }
  files.unknown_id = found->second;

  const Value* normalizer = given_member(root, "normalizer");
  if (type_of(normalizer) != "\"BertNormalizer\"") {
    return unsupported_tokenizer("normalizer is " + type_of(normalizer) + ", not BertNormalizer");
  }
  files.normalizer = read_normalizer(*normalizer, "handle_chinese_chars", "lowercase");
  if (Status good = check_settings(files.normalizer, settings); !good) return good.error();
  const Value* pre_tokenizer = given_member(root, "pre_tokenizer");
  if (type_of(pre_tokenizer) != "\"BertPreTokenizer\"") {
    return unsupported_tokenizer("pre_tokenizer is " + type_of(pre_tokenizer) + ", not BertPreTokenizer");
  }
  Result<SpecialTokens> specials = read_special_tokens(root);
  if (!specials) return specials.error();
  files.specials = *std::move(specials);
  const Frame& frame = files.specials.frame;
  if (Status good = check_frame(settings, {{"cls_token", *frame.begin_id}, {"sep_token", frame.end_id}},
                                files.vocabulary, files.specials.added);
      !good) {
    return good.error();
  }
  if (Status good = add_named_tokens(settings, files.vocabulary, files.specials.added); !good) return good.error();
  return files;
}

Result<WordPieceFiles> read_vocabulary_text(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "vocab.txt";
  const Result<std::string> text = read_text_file(file, k_max_tokenizer_bytes);
  if (!text) return text.error();
  const Result<std::vector<JsonFile>> settings = read_settings(folder);
  if (!settings) return settings.error();

  WordPieceFiles files;
  std::string_view rest = *text;
  for (std::int32_t id = 0; !rest.empty(); ++id) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    files.vocabulary[std::string(line)] = id;  // if a token occurs twice, the last id counts
  }
  if (Status good = check_case(files.vocabulary, *settings); !good) {
    return in_file(good.error(), folder);
  }
  const std::array ids{&files.specials.frame.begin_id.emplace(), &files.specials.frame.end_id, &files.unknown_id};
  if (Status good = find_usual_tokens(file, *settings, files.vocabulary, k_usual_tokens, ids); !good) {
    return good.error();
  }
  Result<std::vector<AddedToken>> listed = read_listed_tokens(folder, *settings, files.vocabulary, k_usual_tokens);
  if (!listed) return listed.error();
  files.specials.added = *std::move(listed);
  for (const JsonFile& json : *settings) {
    if (json.path().filename() != k_settings_file) continue;
    files.normalizer = read_normalizer(json.root(), "tokenize_chinese_chars", "do_lower_case");
  }
  return files;
}

}  // namespace sightline::models
