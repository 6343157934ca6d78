// Unit vectors as answers write them: as floats, or in fewer bits.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sightline::api {

/// Cohere's names for the number formats of a vector.
enum class VectorType {
  float32,  ///< "float"
  int8,     ///< round(127 x): -127 ... 127
  uint8,    ///< the same plus 128: 1 ... 255
  binary,   ///< ubinary less 128 in each byte: -128 ... 127
  ubinary,  ///< one bit per number, 1 if it is greater than 0, most significant first, zeros up to a whole byte
  base64,   ///< of the float32, little-endian
};

inline constexpr VectorType k_vector_types[] = {VectorType::float32, VectorType::int8,    VectorType::uint8,
                                                VectorType::binary,  VectorType::ubinary, VectorType::base64};

/// "float", "int8", ...
const char* to_string(VectorType type);
std::optional<VectorType> vector_type(std::string_view name);

/// Appends the JSON of `values`: an array of numbers, or a string for base64.
///
/// int8 and uint8 are calibrated to [-1, 1], the range of a unit vector's numbers, whatever the model. So all
/// vectors keep one scale: cosines, dot products and distances of any two of them compare as those of the
/// floats do, and nothing has to be measured first or saturates.
void append_vector(std::string& out, std::span<const float> values, VectorType type);

/// The same, as a value for a `json::Builder`.
inline auto vector_json(std::span<const float> values, VectorType type) {
  return [=](std::string& out) { append_vector(out, values, type); };
}

}  // namespace sightline::api
