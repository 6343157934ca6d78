// A file's bytes in memory without a copy.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.h"

namespace sightline::models {

/// A read-only mapping of a whole file. Pages are read from disk when they are first touched.
///
/// The file must stay as it is while it is mapped: replace a model by writing a new folder, not by writing
/// into the old files (the system ends a program that reads a mapped page past a file's new end). Thread
/// safety: all members may be called from any thread.
class MappedFile {
 public:
  /// Errors: not_found (absent, unreadable), unsupported (no regular file).
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size);

  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sightline::models
