// Matrices with one row per token, in memory owned by the caller.
#pragma once

#include <cstdint>

namespace sightline::models::kernels {

/// A type of number in memory.
enum class Element : std::uint8_t { f32, bf16 };

constexpr std::int64_t size_of(Element element) {
  return element == Element::f32 ? 4 : 2;
}

/// [rows, columns], each row contiguous, rows `stride` elements apart.
struct Rows {
  void* data = nullptr;
  std::int64_t rows = 0, columns = 0, stride = 0;
  Element element = Element::f32;

  float* f32(std::int64_t row) const { return static_cast<float*>(data) + row * stride; }
  std::uint16_t* bf16(std::int64_t row) const { return static_cast<std::uint16_t*>(data) + row * stride; }
  bool contiguous() const { return stride == columns || rows <= 1; }
};

/// to = from, rounded to the nearest (ties to even) if `to` is bfloat16. Both of the same size.
void convert(const Rows& from, const Rows& to);

}  // namespace sightline::models::kernels
