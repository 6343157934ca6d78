// vocab.json and merges.txt, as slow tokenizers and older checkpoints have them.
#include <utility>

#include "models/files/json_file.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {
namespace {

namespace fs = std::filesystem;

Result<Vocabulary> read_vocabulary(const fs::path& file) {
  const Result<JsonFile> json = JsonFile::read(file, k_max_tokenizer_bytes);
  if (!json) return json.error();
  Vocabulary vocabulary;
  vocabulary.reserve(json->root().MemberCount());
  for (const auto& entry : json->root().GetObject()) {
    const std::string token(entry.name.GetString(), entry.name.GetStringLength());
    const std::optional<std::int32_t> id = as_token_id(entry.value);
    if (!id) return Error{ErrorCode::corrupt_data, file.string() + ": \"" + token + "\" has no id"};
    vocabulary.emplace(token, *id);
  }
  return vocabulary;
}

Result<Merges> read_merges(const fs::path& file) {
  const Result<std::string> text = read_text_file(file, k_max_tokenizer_bytes);
  if (!text) return text.error();
  Merges merges;
  std::string_view rest = *text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      return Error{ErrorCode::corrupt_data,
                   file.string() + " line " + std::to_string(number) + " is not \"a b\""};
    }
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

/// tokenizer_config.json first, then special_tokens_map.json, where they are there.
Result<std::vector<JsonFile>> read_settings(const fs::path& folder) {
  std::vector<JsonFile> settings;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!fs::exists(folder / name)) continue;
    Result<JsonFile> json = JsonFile::read(folder / name, k_max_tokenizer_bytes);
    if (!json) return json.error();
    settings.push_back(*std::move(json));
  }
  return settings;
}

/// A special token's text: written as itself or as {"content": ...}.
std::string special_token(const std::vector<JsonFile>& settings, const char* name, const char* absent) {
  for (const JsonFile& json : settings) {
    const rapidjson::Value* value = given_member(json.root(), name);
    if (value == nullptr) continue;
    const std::string_view text =
        value->IsObject() ? text_member(*value, "content") : text_member(json.root(), name);
    if (!text.empty()) return std::string(text);
  }
  return absent;
}

}  // namespace

std::optional<std::int32_t> as_token_id(const rapidjson::Value& value) {
  constexpr int k_max_id = 1 << 24;
  if (!value.IsInt() || value.GetInt() < 0 || value.GetInt() >= k_max_id) return std::nullopt;
  return value.GetInt();
}

Result<TokenizerFiles> read_vocabulary_files(const fs::path& folder) {
  Result<Vocabulary> vocabulary = read_vocabulary(folder / "vocab.json");
  if (!vocabulary) return vocabulary.error();
  Result<Merges> merges = read_merges(folder / "merges.txt");
  if (!merges) return merges.error();
  const Result<std::vector<JsonFile>> settings = read_settings(folder);
  if (!settings) return settings.error();

  TokenizerFiles files{
      .vocabulary = *std::move(vocabulary), .merges = *std::move(merges), .added_tokens = {}};
  const std::array specials{std::tuple{"bos_token", "<|startoftext|>", &files.begin_id},
                            std::tuple{"eos_token", "<|endoftext|>", &files.end_id},
                            std::tuple{"unk_token", "<|endoftext|>", &files.unknown_id}};
  for (const auto& [name, usual, id] : specials) {
    const std::string token = special_token(*settings, name, usual);
    const auto found = files.vocabulary.find(token);
    if (found == files.vocabulary.end()) {
      return Error{ErrorCode::corrupt_data,
                   (folder / "vocab.json").string() + " lacks \"" + token + "\", the " + std::string(name)};
    }
    *id = found->second;
    files.added_tokens.push_back({token, found->second, true});
  }
  return files;
}

}  // namespace sightline::models
