// Numbers of any length in bits, as in the headers of HEVC and AV1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sightline::models {

/// The bytes must outlive this object. The first bit of a byte is its highest. Past the end all bits are zero, and `failed` is true.
class Bits {
 public:
  explicit Bits(std::string_view bytes) : bytes_(bytes) {}

  unsigned bit() {
    if (at_ >= bytes_.size() * 8) {
      failed_ = true;
      return 0;
    }
    const unsigned value = static_cast<std::uint8_t>(bytes_[at_ / 8]) >> (7 - at_ % 8) & 1;
    ++at_;
    return value;
  }
  std::uint32_t bits(int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 1 | bit();
    return value;
  }
  void skip(int count) {
    for (int i = 0; i < count; ++i) bit();
  }
  /// An Exp-Golomb code; a signed one has the same length.
  std::uint32_t code() {
    int zeros = 0;
    while (!failed_ && bit() == 0) ++zeros;
    if (zeros > 31) failed_ = true;
    return failed_ ? 0 : (1u << zeros) - 1 + bits(zeros);
  }
  /// The same, which may not exceed `most`.
  std::uint32_t code(std::uint32_t most) {
    const std::uint32_t value = code();
    if (value > most) failed_ = true;
    return failed_ ? 0 : value;
  }
  bool failed() const { return failed_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace sightline::models
