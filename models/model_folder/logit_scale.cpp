#include "models/model_folder/logit_scale.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace sightline::models {
namespace {

template <class T>
Result<T> read_as(const TensorView& tensor) {
  T value{};
  if (Status read = tensor.read(std::as_writable_bytes(std::span(&value, 1))); !read) return read.error();
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

/// `tensor` as one number. Errors: those of reading it; corrupt_data, with `requirement`, if it is not one finite
/// floating-point number.
Result<double> scalar(const Checkpoint& checkpoint, const TensorView& tensor, const char* requirement) {
  const Error wrong{ErrorCode::corrupt_data, checkpoint.folder().string() + ": " + requirement};
  if (tensor.elements() != 1) return wrong;
  double number = 0;
  if (tensor.dtype == Dtype::f32) {
    const Result<float> read = read_as<float>(tensor);
    if (!read) return read.error();
    number = *read;
  } else if (tensor.dtype == Dtype::f16 || tensor.dtype == Dtype::bf16) {
    const Result<std::uint16_t> read = read_as<std::uint16_t>(tensor);
    if (!read) return read.error();
    number = tensor.dtype == Dtype::f16 ? half(*read) : std::bit_cast<float>(std::uint32_t{*read} << 16);
  } else {
    return wrong;
  }
  if (!std::isfinite(number)) return wrong;
  return number;
}

}  // namespace

Result<float> read_logit_scale(const Checkpoint& checkpoint) {
  constexpr const char* k_requirement =
      "tensor logit_scale must be one floating-point number with a finite exponential";
  const TensorView* const tensor = checkpoint.find("logit_scale");
  if (!tensor) return 0.0f;
  const Result<double> logarithm = scalar(checkpoint, *tensor, k_requirement);
  if (!logarithm) return logarithm.error();
  const double scale = std::exp(*logarithm);
  using Float = std::numeric_limits<float>;
  if (scale >= Float::min() && scale <= Float::max()) return static_cast<float>(scale);
  return Error{ErrorCode::corrupt_data, checkpoint.folder().string() + ": " + k_requirement};
}

Result<std::optional<float>> read_logit_bias(const Checkpoint& checkpoint) {
  const TensorView* const tensor = checkpoint.find("logit_bias");
  if (!tensor) return std::optional<float>();
  const Result<double> bias = scalar(checkpoint, *tensor, "tensor logit_bias must be one finite floating-point number");
  if (!bias) return bias.error();
  return std::optional(static_cast<float>(*bias));
}

}  // namespace sightline::models
