// vocab.json and merges.txt, as slow tokenizers and older checkpoints have them.
#include <utility>

#include "models/tokenizer/json_file.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {
namespace {

namespace fs = std::filesystem;

Result<Vocabulary> read_vocabulary(const fs::path& file) {
  Result<rapidjson::Document> document = read_json_file(file);
  if (!document) return document.error();
  Vocabulary vocabulary;
  vocabulary.reserve(document->MemberCount());
  for (const auto& entry : document->GetObject()) {
    const std::string token(entry.name.GetString(), entry.name.GetStringLength());
    const std::optional<std::int32_t> id = as_token_id(entry.value);
    if (!id) return Error{ErrorCode::corrupt_data, file.string() + ": \"" + token + "\" has no id"};
    vocabulary.emplace(token, *id);
  }
  return vocabulary;
}

Result<Merges> read_merges(const fs::path& file) {
  Result<std::string> text = read_text_file(file);
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

/// tokenizer_config.json first, then special_tokens_map.json; empty documents where they are not there.
Result<std::vector<rapidjson::Document>> read_settings(const fs::path& folder) {
  std::vector<rapidjson::Document> settings;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!fs::exists(folder / name)) continue;
    Result<rapidjson::Document> document = read_json_file(folder / name);
    if (!document) return document.error();
    settings.push_back(*std::move(document));
  }
  return settings;
}

/// A special token's text: written as itself or as {"content": ...}.
std::string special_token(const std::vector<rapidjson::Document>& settings, const char* name,
                          const char* absent) {
  for (const rapidjson::Document& document : settings) {
    const rapidjson::Value* value = find_member(document, name);
    if (value == nullptr) continue;
    const std::string_view text =
        value->IsObject() ? text_member(*value, "content") : text_member(document, name);
    if (!text.empty()) return std::string(text);
  }
  return absent;
}

}  // namespace

Result<TokenizerFiles> read_vocabulary_files(const fs::path& folder) {
  Result<Vocabulary> vocabulary = read_vocabulary(folder / "vocab.json");
  if (!vocabulary) return vocabulary.error();
  Result<Merges> merges = read_merges(folder / "merges.txt");
  if (!merges) return merges.error();
  Result<std::vector<rapidjson::Document>> settings = read_settings(folder);
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
