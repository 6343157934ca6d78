// Reads numbers from a file's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sightline::models {

/// Reads past the end give zero: callers check sizes where a missing byte must be an error.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  std::uint32_t u8(std::size_t at) const { return at < bytes_.size() ? static_cast<std::uint8_t>(bytes_[at]) : 0; }
  std::uint32_t u16_le(std::size_t at) const { return u8(at) | u8(at + 1) << 8; }
  std::uint32_t u32_le(std::size_t at) const { return u16_le(at) | u16_le(at + 2) << 16; }
  std::uint32_t u16_be(std::size_t at) const { return u8(at) << 8 | u8(at + 1); }
  std::uint32_t u32_be(std::size_t at) const { return u16_be(at) << 16 | u16_be(at + 2); }

  std::size_t size() const { return bytes_.size(); }
  std::string_view text() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace sightline::models
