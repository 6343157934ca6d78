// Secrets at rest: encrypted with a key from the operator's file.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::security {

/// Encrypts small texts with AES-256-GCM under a random nonce, and decrypts them. An encrypted text is bound to
/// the `context` it was encrypted for: it can be decrypted only there, so it cannot be moved elsewhere.
///
/// The file has one key per line: 32 bytes as 64 hexadecimal digits or as base64. The first key encrypts, all of
/// them decrypt; so a key is changed by putting the new one on a line above the old. Lines that are blank or
/// begin with # are skipped.
/// Thread safety: all members may be called from any thread.
class SecretBox {
 public:
  /// Errors: not_found (the file cannot be read), invalid_argument (it holds no key, or something else on a
  /// line, which is named but not shown).
  static Result<SecretBox> read(const std::filesystem::path& file);

  /// "v1:" and base64 of nonce, cipher text and tag. Errors: internal, if OpenSSL has no random bytes.
  Result<std::string> seal(std::string_view secret, std::string_view context) const;
  /// Errors: unsupported (another version's format), corrupt_data (no key of the file opens it: sealed with
  /// another key, for another context, or altered).
  Result<std::string> open(std::string_view sealed, std::string_view context) const;

  /// A warning about the file, e.g. that others may read it; empty if there is none.
  const std::string& warning() const { return warning_; }

 private:
  using Key = std::array<std::uint8_t, 32>;

  std::vector<Key> keys_;
  std::string warning_;
};

}  // namespace sightline::security
