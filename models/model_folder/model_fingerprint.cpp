#include "models/model_folder/model_fingerprint.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "base/sha256.h"
#include "models/files/file.h"
#include "models/model_folder/checkpoint.h"
#include "models/model_folder/model_folder.h"
#include "models/model_folder/open_clip_tensors.h"

namespace sightline::models {
namespace {

/// Increase it when the code makes other vectors from the same files.
constexpr std::string_view k_revision = "1";

constexpr std::size_t k_digits = 16;
constexpr std::size_t k_part_bytes = 1u << 20;

/// The files that are read besides the weights, if they exist, in Hugging Face's layout.
constexpr std::array<const char*, 10> k_files{
    "config.json",    "merges.txt",   "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "spiece.model", "special_tokens_map.json",  "tokenizer_config.json",
    "vocab.json",     "vocab.txt"};
/// The same in OpenCLIP's layout.
constexpr std::array<const char*, 7> k_open_clip_files{
    k_open_clip_config_file, "merges.txt", "tokenizer.json", "spiece.model", "special_tokens_map.json",
    "tokenizer_config.json", "vocab.json"};

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

}  // namespace

Result<std::string> model_fingerprint(const std::filesystem::path& folder, std::string_view dtype,
                                      bool exif_orientation) {
  std::map<std::string, std::shared_ptr<const File>> files;  // by name, in order
  const bool is_open_clip = layout_of(folder) == FolderLayout::open_clip;
  for (const char* name : is_open_clip ? std::span<const char* const>(k_open_clip_files) : k_files) {
    std::error_code unknown;
    if (!std::filesystem::exists(folder / name, unknown)) continue;
    auto file = File::open(folder / name);
    if (!file) return file.error();
    files.emplace(name, *std::move(file));
  }
  const Result<Checkpoint> checkpoint = is_open_clip ? open_clip_weights(folder) : Checkpoint::open(folder);
  if (!checkpoint) return checkpoint.error();
  for (const auto& [name, tensor] : checkpoint->tensors())
    files.emplace(tensor.file->path().filename().string(), tensor.file);

  Sha256 whole;
  whole.update("sightline model " + std::string(k_revision) + "\ndtype " + std::string(dtype) + "\nexif " +
               (exif_orientation ? "1" : "0") + "\n");
  for (const auto& [name, file] : files) {
    const Result<std::string> digest = digest_of(*file);
    if (!digest) return digest.error();
    whole.update(name + " " + *digest + "\n");
  }
  return whole.finish_hex().substr(0, k_digits);
}

}  // namespace sightline::models
