#include "models/kernels/rotary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/rotary.cpp"
#include <cmath>
#include <hwy/foreach_target.h>

#include "models/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sightline::models::kernels::HWY_NAMESPACE {

/// (a, b) -> (a cos - b sin, b cos + a sin) over one head's columns.
void TurnHead(float* x, const float* cosines, const float* sines, std::int64_t width) {
  std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const FloatTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; i + lanes <= width; i += lanes) {
    const Floats pairs = hn::LoadU(d, x + i);
    const Floats turned = hn::Mul(hn::Reverse2(d, pairs), hn::LoadU(d, sines + i));
    hn::StoreU(hn::MulAdd(pairs, hn::LoadU(d, cosines + i), turned), d, x + i);
  }
#endif
  for (; i < width; i += 2) {
    const float a = x[i], b = x[i + 1];
    x[i] = a * cosines[i] + b * sines[i];
    x[i + 1] = b * cosines[i + 1] + a * sines[i + 1];
  }
}

}  // namespace sightline::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sightline::models::kernels {

HWY_EXPORT(TurnHead);

Rotary::Rotary(std::span<const float> angles, std::int64_t places)
    : width_(2 * static_cast<std::int64_t>(angles.size()) / places) {
  cosines_.reserve(2 * angles.size());
  sines_.reserve(2 * angles.size());
  for (const float angle : angles) {
    const float cosine = std::cos(angle), sine = std::sin(angle);
    cosines_.insert(cosines_.end(), {cosine, cosine});
    sines_.insert(sines_.end(), {-sine, sine});
  }
}

void Rotary::turn(const Rows& x, std::span<const std::int64_t> places) const {
#pragma omp parallel for schedule(static) if (x.rows * x.columns > k_parallel_elements)
  for (std::int64_t row = 0; row < x.rows; ++row) {
    const std::int64_t at = places[static_cast<std::size_t>(row)] * width_;
    for (std::int64_t column = 0; column < x.columns; column += width_) {
      HWY_DYNAMIC_DISPATCH(TurnHead)
      (x.f32(row) + column, &cosines_[static_cast<std::size_t>(at)], &sines_[static_cast<std::size_t>(at)], width_);
    }
  }
}

}  // namespace sightline::models::kernels
#endif
