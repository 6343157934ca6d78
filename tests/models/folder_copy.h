// A copy of a small model, whose files a test may change.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

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

}  // namespace sightline::models::testing
