// The API keys.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::security {

/// A set of API keys. Only their SHA-256 digests are stored, and comparing takes the same time for any
/// input.
class ApiKeys {
 public:
  /// Reads one key per line; blank lines and lines that begin with # are skipped, whitespace around a key is
  /// removed. Errors: those of read_key_file, invalid_argument (no key in it, or one shorter than 8 characters
  /// or with whitespace or control characters inside, naming the line).
  static Result<ApiKeys> read(const std::filesystem::path& file);

  std::size_t size() const { return digests_.size(); }

  /// True if `key` is one of them.
  bool has(std::string_view key) const;
  /// True if `authorization` is `Bearer KEY` or `ApiKey KEY` with one of the keys.
  bool admit(std::string_view authorization) const;

 private:
  std::vector<std::string> digests_;
};

}  // namespace sightline::security
