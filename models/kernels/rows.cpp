#include "models/kernels/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/rows.cpp"
#include <hwy/foreach_target.h>

#include "models/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sightline::models::kernels::HWY_NAMESPACE {

void ConvertRow(const float* from, std::uint16_t* to, std::int64_t count) {
  const FloatTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store_bf16(hn::LoadU(d, from + i), to + i);
  for (; i < count; ++i) to[i] = to_bf16(from[i]);
}

void WidenRow(const std::uint16_t* from, float* to, std::int64_t count) {
  const FloatTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(load_bf16(from + i), d, to + i);
  for (; i < count; ++i) to[i] = to_f32(from[i]);
}

}  // namespace sightline::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cstring>

namespace sightline::models::kernels {

HWY_EXPORT(ConvertRow);
HWY_EXPORT(WidenRow);

void convert(const Rows& from, const Rows& to) {
  const std::int64_t columns = from.columns;
#pragma omp parallel for schedule(static) if (from.rows * columns > k_parallel_elements)
  for (std::int64_t row = 0; row < from.rows; ++row) {
    if (from.element == to.element) {
      const auto bytes = static_cast<std::size_t>(columns * size_of(from.element));
      from.element == Element::f32 ? std::memcpy(to.f32(row), from.f32(row), bytes)
                                   : std::memcpy(to.bf16(row), from.bf16(row), bytes);
    } else if (to.element == Element::bf16) {
      HWY_DYNAMIC_DISPATCH(ConvertRow)(from.f32(row), to.bf16(row), columns);
    } else {
      HWY_DYNAMIC_DISPATCH(WidenRow)(from.bf16(row), to.f32(row), columns);
    }
  }
}

}  // namespace sightline::models::kernels
#endif
