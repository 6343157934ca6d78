// Vectors of floats, bfloat16 in memory, sums over lanes: shared by the kernels. Included once per set of
// instructions, as Highway requires. bfloat16 numbers are the upper halves of floats.

#ifndef SIGHTLINE_KERNELS_SHARED
#define SIGHTLINE_KERNELS_SHARED
#include <bit>
#include <cstdint>

namespace sightline::models::kernels {

/// Below this many elements, starting other threads costs more than it saves.
constexpr std::int64_t k_parallel_elements = 16 * 1024;

inline float to_f32(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

/// Rounds to the nearest, ties to even; NaN stays NaN.
inline std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace sightline::models::kernels
#endif

#if defined(SIGHTLINE_KERNELS_VECTORS) == defined(HWY_TARGET_TOGGLE)
#ifdef SIGHTLINE_KERNELS_VECTORS
#undef SIGHTLINE_KERNELS_VECTORS
#else
#define SIGHTLINE_KERNELS_VECTORS
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sightline::models::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using Floats = hn::Vec<FloatTag>;

HWY_INLINE Floats load_bf16(const std::uint16_t* from) {
  const hn::RebindToUnsigned<FloatTag> d32;
  const hn::Rebind<std::uint16_t, FloatTag> d16;
  return hn::BitCast(FloatTag(), hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, from))));
}

HWY_INLINE void store_bf16(Floats value, std::uint16_t* to) {
  const hn::RebindToUnsigned<FloatTag> d32;
  const hn::Rebind<std::uint16_t, FloatTag> d16;
  const auto bits = hn::BitCast(d32, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(d32, 0x7FFF)), odd));
  const auto none = hn::Or(hn::ShiftRight<16>(bits), hn::Set(d32, 0x40));
  const auto halves = hn::IfThenElse(hn::RebindMask(d32, hn::IsNaN(value)), none, rounded);
  const hn::RebindToSigned<decltype(d32)> i32;
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(i32, halves)), d16, to);
}

/// The sum of all lanes.
HWY_INLINE float sum_of(Floats value) {
  return hn::GetLane(hn::SumOfLanes(FloatTag(), value));
}
HWY_INLINE float max_of(Floats value) {
  return hn::GetLane(hn::MaxOfLanes(FloatTag(), value));
}

}  // namespace sightline::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
