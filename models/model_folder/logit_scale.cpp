#include "models/model_folder/logit_scale.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>

namespace sightline::models {
namespace {

/// Zero if it cannot be read because the file was cut short meanwhile. Callers cannot distinguish that from a stored
/// zero.
template <class T>
T read_as(const TensorView& tensor) {
  T value{};
  if (!tensor.read(std::as_writable_bytes(std::span(&value, 1)))) return T{};
  return value;
}

/// IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction.
double half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 0    ? std::ldexp(fraction, -24)
                           : exponent == 31 ? (fraction ? std::nan("") : std::numeric_limits<double>::infinity())
                                            : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

std::optional<double> scalar(const TensorView& tensor) {
  if (tensor.elements() != 1) return std::nullopt;
  switch (tensor.dtype) {
    case Dtype::f32:
      return read_as<float>(tensor);
    case Dtype::f16:
      return half(read_as<std::uint16_t>(tensor));
    case Dtype::bf16:
      return std::bit_cast<float>(std::uint32_t{read_as<std::uint16_t>(tensor)} << 16);
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<float> read_logit_scale(const Checkpoint& checkpoint) {
  const TensorView* const tensor = checkpoint.find("logit_scale");
  if (!tensor) return 0.0f;
  const std::optional<double> logarithm = scalar(*tensor);
  const double scale = logarithm ? std::exp(*logarithm) : 0;
  if (logarithm && std::isfinite(scale) && scale > 0) return static_cast<float>(scale);
  return Error{ErrorCode::corrupt_data, checkpoint.folder().string() +
                                            ": tensor logit_scale must be one floating-point number with a "
                                            "finite exponential"};
}

Result<std::optional<float>> read_logit_bias(const Checkpoint& checkpoint) {
  const TensorView* const tensor = checkpoint.find("logit_bias");
  if (!tensor) return std::optional<float>();
  const std::optional<double> bias = scalar(*tensor);
  if (bias && std::isfinite(*bias)) return std::optional(static_cast<float>(*bias));
  return Error{ErrorCode::corrupt_data,
               checkpoint.folder().string() + ": tensor logit_bias must be one finite floating-point number"};
}

}  // namespace sightline::models
