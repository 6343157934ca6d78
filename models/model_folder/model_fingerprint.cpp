#include "models/model_folder/model_fingerprint.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/sha256.h"
#include "models/files/file.h"
#include "models/model_folder/checkpoint.h"
#include "models/model_folder/model_folder.h"
#include "models/model_folder/open_clip_tensors.h"
#include "models/model_folder/sentence_transformers.h"

namespace sightline::models {
namespace {

/// Increase it when the code makes other vectors from the same files.
constexpr std::string_view k_revision = "1";

constexpr std::size_t k_digits = 16;
constexpr std::size_t k_part_bytes = 1u << 20;

constexpr const char* k_added_tokens = "added_tokens.json";

/// The files that are read besides the weights, if they exist, in Hugging Face's layout.
constexpr std::array<const char*, 11> k_files{
    k_added_tokens,          "config.json",    "merges.txt",   "preprocessor_config.json",
    "processor_config.json", "tokenizer.json", "spiece.model", "special_tokens_map.json",
    "tokenizer_config.json", "vocab.json",     "vocab.txt"};
/// The same in OpenCLIP's layout.
constexpr std::array<const char*, 7> k_open_clip_files{
    k_open_clip_config_file, "merges.txt", "tokenizer.json", "spiece.model", "special_tokens_map.json",
    "tokenizer_config.json", "vocab.json"};

/// The same in sentence-transformers' layout, besides those that its modules name.
constexpr std::array<const char*, 6> k_sentence_files{
    k_added_tokens, "tokenizer.json", "special_tokens_map.json", "tokenizer_config.json", "vocab.json", "vocab.txt"};

Result<std::string> digest_of(const File& file) {
  Sha256 digest;
  std::vector<std::byte> part(static_cast<std::size_t>(std::min<std::uint64_t>(k_part_bytes, file.size())));
  for (std::uint64_t at = 0; at < file.size(); at += part.size()) {
    part.resize(static_cast<std::size_t>(std::min<std::uint64_t>(k_part_bytes, file.size() - at)));
    if (Status read = file.read(at, part); !read) return read.error();
    digest.update(part);
  }
  return digest.finish_hex();
}

/// What a fingerprint is made of: the files that are read besides the weights, if they exist, and the weights.
struct Sources {
  std::vector<std::string> files;
  Checkpoint weights;
};

Result<Sources> sources_of(const std::filesystem::path& folder) {
  const FolderLayout layout = layout_of(folder);
  Sources sources{{k_files.begin(), k_files.end()}, {}};
  if (layout == FolderLayout::open_clip) sources.files.assign(k_open_clip_files.begin(), k_open_clip_files.end());
  const auto weights = [&]() -> Result<Checkpoint> {
    if (layout == FolderLayout::hugging_face) return Checkpoint::open(folder);
    if (layout == FolderLayout::open_clip) return open_clip_weights(folder);
    const Result<SentenceTransformersConfig> config = read_sentence_transformers(folder);
    if (!config) return config.error();
    sources.files = config->files;
    sources.files.insert(sources.files.end(), k_sentence_files.begin(), k_sentence_files.end());
    return sentence_transformers_weights(folder, *config);
  };
  Result<Checkpoint> read = weights();
  if (!read) return read.error();
  sources.weights = *std::move(read);
  return sources;
}

/// The digest of which a fingerprint is the beginning.
Result<std::string> digest_of_folder(const std::filesystem::path& folder, std::string_view dtype,
                                     bool exif_orientation) {
  const Result<Sources> sources = sources_of(folder);
  if (!sources) return sources.error();
  // Beside one of these, added_tokens.json is not read.
  const bool has_whole_tokenizer = is_there(folder / "tokenizer.json") || is_there(folder / "spiece.model");
  std::map<std::string, std::shared_ptr<const File>> files;  // by name relative to the folder, in order
  for (const std::string& name : sources->files) {
    if (!is_there(folder / name) || (name == k_added_tokens && has_whole_tokenizer)) continue;
    auto file = File::open(folder / name);
    if (!file) return file.error();
    files.emplace(name, *std::move(file));
  }
  for (const auto& [name, tensor] : sources->weights.tensors())
    files.emplace(tensor.file->path().lexically_relative(folder).string(), tensor.file);

  Sha256 whole;
  whole.update("sightline model " + std::string(k_revision) + "\ndtype " + std::string(dtype) + "\nexif " +
               (exif_orientation ? "1" : "0") + "\n");
  for (const auto& [name, file] : files) {
    const Result<std::string> digest = digest_of(*file);
    if (!digest) return digest.error();
    whole.update(name + " " + *digest + "\n");
  }
  return whole.finish_hex();
}

}  // namespace

Result<std::string> model_fingerprint(const std::filesystem::path& folder, std::string_view dtype,
                                      bool exif_orientation) {
  const Result<std::string> digest = digest_of_folder(folder, dtype, exif_orientation);
  return digest ? digest->substr(0, k_digits) : digest;
}

Result<std::string> model_fingerprint(const std::filesystem::path& pictures, const std::filesystem::path& texts,
                                      std::string_view dtype, bool exif_orientation) {
  Result<std::string> of_pictures = digest_of_folder(pictures, dtype, exif_orientation);
  if (!of_pictures) return of_pictures;
  Result<std::string> of_texts = digest_of_folder(texts, dtype, exif_orientation);
  if (!of_texts) return of_texts;
  Sha256 whole;
  whole.update("sightline pair\npictures " + *of_pictures + "\ntexts " + *of_texts + "\n");
  return whole.finish_hex().substr(0, k_digits);
}

}  // namespace sightline::models
