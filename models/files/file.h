// Reads a file's bytes so that changes during the read cause only an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace sightline::models {

/// False also if the folder cannot be searched.
bool is_there(const std::filesystem::path& file);

/// True if `name`, which comes from outside, names something directly in a folder: no separators, no "..", not hidden.
/// An empty name is one, too.
bool is_plain_name(std::string_view name);

/// `error` with the name of the file, or folder, that it is about in front of its message.
Error in_file(const Error& error, const std::filesystem::path& file);

/// A regular file that is open for reading.
///
/// Its bytes are copied and never mapped: the system ends a program that reads a mapped page beyond the new end of a
/// file that was cut short. Thread safety: all members may be called from any thread.
class File {
 public:
  /// Errors: not_found (absent, unreadable), unsupported (no regular file), those of refuse_foreign_file.
  static Result<std::shared_ptr<const File>> open(const std::filesystem::path& file);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// The size when it was opened.
  std::uint64_t size() const { return size_; }

  /// Fills `into` from byte `at` on. Errors: corrupt_data (the file ends before), not_found (it cannot be read).
  Status read(std::uint64_t at, std::span<std::byte> into) const;

 private:
  File(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace sightline::models
