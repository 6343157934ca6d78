// All tensors of a model folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/model_folder/safetensors.h"

namespace sightline::models {

/// The tensors of model.safetensors, or of the shards that model.safetensors.index.json names, by their
/// names. Reading one is safe from any thread.
class Checkpoint {
 public:
  /// Errors: not_found (no weights), unsupported (weights only as pytorch_model.bin, or in OpenCLIP's layout,
  /// with what to do about it), corrupt_data (a file contradicts itself or the index, two shards hold one
  /// name).
  static Result<Checkpoint> open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  /// Null if there is none of that name.
  const TensorView* find(std::string_view name) const;
  /// Size of the files including headers.
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  Status add_file(const std::string& name);

  std::filesystem::path folder_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace sightline::models
