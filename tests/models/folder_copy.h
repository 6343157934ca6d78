// A copy of a small model, whose files a test may change.
#pragma once

#include <doctest/doctest.h>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/model_folder/safetensors.h"
#include "models/model_folder/safetensors_writer.h"
#include "tests/models/model_folder.h"

namespace sightline::models::testing {

class FolderCopy {
 public:
  /// `model` is a folder of tests/fixtures/models.
  explicit FolderCopy(std::string_view model) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(fixture(model))) {
      const std::string name = std::filesystem::relative(entry.path(), fixture(model)).string();
      if (entry.is_directory()) {
        std::filesystem::create_directory(path() / name);
      } else if (name != "expected.json") {
        write(name, content_of(entry.path()));
      }
    }
  }

  const std::filesystem::path& path() const { return folder_.path(); }
  void write(const std::string& file, std::string_view content) const { folder_.write(file, content); }
  /// Replaces the first `from` in `file`.
  void edit(const std::string& file, std::string_view from, std::string_view to) const {
    write(file, replaced(content_of(path() / file), from, to));
  }

 private:
  TemporaryFolder folder_;
};

/// The same, whose tensors a test may drop, rename or change before `write`.
struct TensorCopy {
  FolderCopy folder;
  std::map<std::string, std::pair<TensorSpec, std::string>> tensors;

  explicit TensorCopy(std::string_view model) : folder(model) {
    const auto views = read_safetensors(fixture(model) / "model.safetensors");
    REQUIRE(views.ok());
    for (const TensorView& view : *views) tensors[view.name] = {{view.name, view.dtype, view.shape}, *view.bytes()};
  }

  void write() const {
    std::vector<TensorSpec> specs;
    std::string data;
    for (const auto& [name, tensor] : tensors) {
      specs.push_back(tensor.first);
      specs.back().name = name;
      data += tensor.second;
    }
    folder.write("model.safetensors", safetensors_header(specs) + data);
  }
};

}  // namespace sightline::models::testing
