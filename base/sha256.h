// Content hashes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sightline {

/// SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// The same for bytes that arrive in parts.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view bytes) { update(std::as_bytes(std::span(bytes))); }
  /// The hash of all parts, as 64 lower-case hexadecimal digits. Call one of the two functions, once.
  std::string finish_hex();
  /// The same as 32 bytes.
  std::string finish_bytes();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightline
