#include "server/api/vector_text.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/base64.h"
#include "base/float_text.h"

namespace sightline::api {
namespace {

constexpr int k_signed_offset = 128;

/// Appends `[a,b,...]` with `number(i)` for each i below `count`.
template <class Number>
void append_integers(std::string& out, std::size_t count, Number number) {
  out.push_back('[');
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out.push_back(',');
    out += std::to_string(number(i));
  }
  out.push_back(']');
}

int scaled(float value) {
  return static_cast<int>(std::lround(127.0 * std::clamp(value, -1.0f, 1.0f)));
}

int packed(std::span<const float> values, std::size_t byte) {
  int bits = 0;
  for (std::size_t i = 8 * byte; i < std::min(values.size(), 8 * byte + 8); ++i) {
    if (values[i] > 0) bits |= 0x80 >> i % 8;
  }
  return bits;
}

}  // namespace

const char* to_string(VectorType type) {
  switch (type) {
    case VectorType::float32:
      return "float";
    case VectorType::int8:
      return "int8";
    case VectorType::uint8:
      return "uint8";
    case VectorType::binary:
      return "binary";
    case VectorType::ubinary:
      return "ubinary";
    case VectorType::base64:
      return "base64";
  }
  return "float";
}

std::optional<VectorType> vector_type(std::string_view name) {
  for (const VectorType type : k_vector_types) {
    if (name == to_string(type)) return type;
  }
  return std::nullopt;
}

void append_vector(std::string& out, std::span<const float> values, VectorType type) {
  const std::size_t bytes = (values.size() + 7) / 8;
  switch (type) {
    case VectorType::float32:
      return append_float_array(out, values);
    case VectorType::int8:
      return append_integers(out, values.size(), [&](std::size_t i) { return scaled(values[i]); });
    case VectorType::uint8:
      return append_integers(out, values.size(), [&](std::size_t i) { return scaled(values[i]) + k_signed_offset; });
    case VectorType::binary:
      return append_integers(out, bytes, [&](std::size_t i) { return packed(values, i) - k_signed_offset; });
    case VectorType::ubinary:
      return append_integers(out, bytes, [&](std::size_t i) { return packed(values, i); });
    case VectorType::base64:
      static_assert(std::endian::native == std::endian::little, "the bytes are sent as they are in memory");
      out.push_back('"');
      out += base64_encode(std::as_bytes(values));
      out.push_back('"');
  }
}

}  // namespace sightline::api
