#include "models/kernels/layer_norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/layer_norm.cpp"
#include <cmath>
#include <hwy/foreach_target.h>

#include "models/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sightline::models::kernels::HWY_NAMESPACE {

/// `wide` (a float32 row) or `narrow` (a bfloat16 row) is written.
void NormRow(const float* x, std::int64_t columns, const float* weight, const float* bias, float eps, float* wide,
             std::uint16_t* narrow) {
  const FloatTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t whole = columns / lanes * lanes;
  Floats sums = hn::Zero(d);
  for (std::int64_t i = 0; i < whole; i += lanes) sums = hn::Add(sums, hn::LoadU(d, x + i));
  float sum = sum_of(sums);
  for (std::int64_t i = whole; i < columns; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(columns);

  const Floats means = hn::Set(d, mean);
  Floats squares = hn::Zero(d);
  for (std::int64_t i = 0; i < whole; i += lanes) {
    const Floats distance = hn::Sub(hn::LoadU(d, x + i), means);
    squares = hn::MulAdd(distance, distance, squares);
  }
  float square = sum_of(squares);
  for (std::int64_t i = whole; i < columns; ++i) square += (x[i] - mean) * (x[i] - mean);
  const float factor = 1 / std::sqrt(square / static_cast<float>(columns) + eps);

  const Floats factors = hn::Set(d, factor);
  for (std::int64_t i = 0; i < whole; i += lanes) {
    const Floats unit = hn::Mul(hn::Sub(hn::LoadU(d, x + i), means), factors);
    const Floats value = hn::MulAdd(unit, hn::LoadU(d, weight + i), hn::LoadU(d, bias + i));
    narrow != nullptr ? store_bf16(value, narrow + i) : hn::StoreU(value, d, wide + i);
  }
  for (std::int64_t i = whole; i < columns; ++i) {
    const float value = (x[i] - mean) * factor * weight[i] + bias[i];
    narrow != nullptr ? static_cast<void>(narrow[i] = to_bf16(value)) : static_cast<void>(wide[i] = value);
  }
}

}  // namespace sightline::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sightline::models::kernels {

HWY_EXPORT(NormRow);

void layer_norm(const Rows& x, const float* weight, const float* bias, float eps, const Rows& out) {
  const bool narrow = out.element == Element::bf16;
#pragma omp parallel for schedule(static) if (x.rows * x.columns > k_parallel_elements)
  for (std::int64_t row = 0; row < x.rows; ++row) {
    HWY_DYNAMIC_DISPATCH(NormRow)
    (x.f32(row), x.columns, weight, bias, eps, narrow ? nullptr : out.f32(row), narrow ? out.bf16(row) : nullptr);
  }
}

}  // namespace sightline::models::kernels
#endif
