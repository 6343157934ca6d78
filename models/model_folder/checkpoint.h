// All tensors of a model folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "models/model_folder/safetensors.h"

namespace sightline::models {

/// The tensors of model.safetensors, or of the shards that model.safetensors.index.json names, by their
/// names. Reading one is safe from any thread.
class Checkpoint {
 public:
  /// Errors: not_found (no weights), unsupported (weights only as pytorch_model.bin, or with OpenCLIP's names,
  /// with what to do about it), corrupt_data (a file contradicts itself or the index, two shards hold one
  /// name).
  static Result<Checkpoint> open(const std::filesystem::path& folder);

  /// The tensors of one file of `folder`, whatever their names. Errors: those of read_safetensors.
  static Result<Checkpoint> open_file(const std::filesystem::path& folder, const std::string& name);

  /// The same folder and files, for tensors under other names.
  Checkpoint without_tensors() const;
  /// Adds a tensor under `name`; `tensor.name` stays that of its file, for messages. The first of a name stays.
  void add(const std::string& name, TensorView tensor);
  /// Adds the tensors and files of `other`, each tensor as PREFIX + its name.
  Status join(const Checkpoint& other, const std::string& prefix);
  /// Removes the tensors whose names begin with `beginning`; they are not read.
  void drop(std::string_view beginning);

  const std::filesystem::path& folder() const { return folder_; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  /// The file that describes the tensors, for messages: config.json unless set.
  const std::string& config_file() const { return config_file_; }
  void set_config_file(std::string name) { config_file_ = std::move(name); }
  /// Null if there is none of that name.
  const TensorView* find(std::string_view name) const;
  /// Size of the files including headers.
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  Status add_file(const std::string& name);

  std::filesystem::path folder_;
  std::string config_file_ = "config.json";
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace sightline::models
