// vocab.json and merges.txt, the files of slow tokenizers and older checkpoints.
#include <array>
#include <cstddef>
#include <utility>

#include "models/files/json_file.h"
#include "models/tokenizer/clip_tokenizer.h"

namespace sightline::models {
namespace {

namespace fs = std::filesystem;

constexpr std::array<UsualToken, 3> k_usual_tokens{{{"bos_token", "<|startoftext|>", true},
                                                    {"eos_token", "<|endoftext|>", true},
                                                    {"unk_token", "<|endoftext|>", true}}};

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
      return Error{ErrorCode::corrupt_data, file.string() + " line " + std::to_string(number) + " is not \"a b\""};
    }
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

}  // namespace

Result<BytePairFiles> read_vocabulary_files(const fs::path& folder, bool listed_tokens) {
  Result<Vocabulary> vocabulary = read_vocabulary(folder / "vocab.json");
  if (!vocabulary) return vocabulary.error();
  Result<Merges> merges = read_merges(folder / "merges.txt");
  if (!merges) return merges.error();
  const Result<std::vector<JsonFile>> settings = read_settings(folder);
  if (!settings) return settings.error();

  BytePairFiles files{.vocabulary = *std::move(vocabulary), .merges = *std::move(merges), .specials = {}};
  const std::array ids{&files.specials.frame.begin_id.emplace(), &files.specials.frame.end_id, &files.unknown_id};
  if (Status good = find_usual_tokens(folder / "vocab.json", *settings, files.vocabulary, k_usual_tokens, ids); !good) {
    return good.error();
  }
  if (!listed_tokens) return files;
  Result<std::vector<AddedToken>> listed = read_listed_tokens(folder, *settings, files.vocabulary, k_usual_tokens);
  if (!listed) return listed.error();
  files.specials.added = *std::move(listed);
  return files;
}

}  // namespace sightline::models
