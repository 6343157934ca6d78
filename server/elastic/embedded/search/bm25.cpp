#include "server/elastic/embedded/search/bm25.h"

#include <bit>
#include <cmath>

namespace sightline::elastic {
namespace {

constexpr float k_k1 = 1.2f;
constexpr float k_b = 0.75f;

/// Packs the four most significant bits of `value` and their position into a number that grows with `value`
/// (SmallFloat.longToInt4).
constexpr std::uint32_t to_int4(std::uint64_t value) {
  const int bits = 64 - std::countl_zero(value);
  if (bits < 4) return static_cast<std::uint32_t>(value);
  const int shift = bits - 4;
  const auto mantissa = static_cast<std::uint32_t>(value >> shift) & 0x07u;
  return mantissa | (static_cast<std::uint32_t>(shift + 1) << 3);
}

constexpr std::uint64_t from_int4(std::uint32_t packed) {
  const std::uint64_t bits = packed & 0x07u;
  const int shift = static_cast<int>(packed >> 3) - 1;
  return shift < 0 ? bits : (bits | 0x08u) << shift;
}

/// The number of values that the packed form does not need. They encode short lengths exactly.
constexpr std::uint32_t k_free_values = 255 - to_int4(0x7FFFFFFF);

}  // namespace

std::uint8_t length_to_byte(std::uint32_t length) {
  if (length < k_free_values) return static_cast<std::uint8_t>(length);
  return static_cast<std::uint8_t>(k_free_values + to_int4(length - k_free_values));
}

std::uint32_t byte_to_length(std::uint8_t byte) {
  if (byte < k_free_values) return byte;
  return k_free_values + static_cast<std::uint32_t>(from_int4(byte - k_free_values));
}

Bm25Scorer::Bm25Scorer(const FieldStatistics& statistics, std::uint64_t document_frequency, float boost) {
  const auto documents = static_cast<double>(statistics.documents);
  const auto with_term = static_cast<double>(document_frequency);
  const auto idf = static_cast<float>(std::log(1.0 + (documents - with_term + 0.5) / (with_term + 0.5)));
  weight_ = boost * (1.0f + k_k1) * idf;
  const auto average = static_cast<float>(static_cast<double>(statistics.tokens) / documents);
  for (std::size_t i = 0; i < inverse_norm_.size(); ++i) {
    const auto length = static_cast<float>(byte_to_length(static_cast<std::uint8_t>(i)));
    inverse_norm_[i] = 1.0f / (k_k1 * ((1.0f - k_b) + k_b * length / average));
  }
}

}  // namespace sightline::elastic
