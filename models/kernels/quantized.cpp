#include "models/kernels/quantized.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/quantized.cpp"
#include <algorithm>
#include <cmath>
#include <hwy/foreach_target.h>

#include "models/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sightline::models::kernels::HWY_NAMESPACE {

using IntTag = hn::ScalableTag<std::int32_t>;

RowCode QuantizeRow(const float* x, const float* factors, std::uint8_t* codes, std::int64_t columns) {
  const FloatTag d;
  const hn::Rebind<std::uint8_t, FloatTag> u8;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t whole = columns / lanes * lanes;
  const auto scaled = [&](std::int64_t i) {
    const Floats value = hn::LoadU(d, x + i);
    return factors == nullptr ? value : hn::Mul(value, hn::LoadU(d, factors + i));
  };
  const auto scaled_one = [&](std::int64_t i) { return factors == nullptr ? x[i] : x[i] * factors[i]; };

  Floats low = hn::Zero(d), high = hn::Zero(d);
  for (std::int64_t i = 0; i < whole; i += lanes) {
    const Floats value = scaled(i);
    low = hn::Min(low, value);
    high = hn::Max(high, value);
  }
  float lowest = hn::GetLane(hn::MinOfLanes(d, low)), highest = max_of(high);
  for (std::int64_t i = whole; i < columns; ++i) {
    lowest = std::min(lowest, scaled_one(i));
    highest = std::max(highest, scaled_one(i));
  }
  const float scale = std::max((highest - lowest) / 255, 1e-30f), inverse = 1 / scale;
  const float zero = std::nearbyint(-lowest * inverse);

  const Floats inverses = hn::Set(d, inverse), zeros = hn::Set(d, zero);
  for (std::int64_t i = 0; i < whole; i += lanes) {
    const auto code = hn::NearestInt(hn::MulAdd(scaled(i), inverses, zeros));
    hn::StoreU(hn::DemoteTo(u8, code), u8, codes + i);  // saturates
  }
  for (std::int64_t i = whole; i < columns; ++i) {
    codes[i] = static_cast<std::uint8_t>(std::clamp(std::nearbyint(scaled_one(i) * inverse + zero), 0.0f, 255.0f));
  }
  return {scale, static_cast<std::int32_t>(zero)};
}

/// 1 / (1 + e^-x)
HWY_INLINE Floats Sigmoid(Floats x) {
  const FloatTag d;
  const Floats one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Max(hn::Neg(x), hn::Set(d, -100.0f)))));
}

/// M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 7.1.26; the error is at most 1.5e-7.
HWY_INLINE Floats Erf(Floats x) {
  const FloatTag d;
  const Floats one = hn::Set(d, 1.0f), size = hn::Abs(x);
  const Floats t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.3275911f), size, one));
  Floats sum = hn::Set(d, 1.061405429f);
  for (const float factor : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) {
    sum = hn::MulAdd(sum, t, hn::Set(d, factor));
  }
  const Floats power = hn::Exp(d, hn::Max(hn::Neg(hn::Mul(size, size)), hn::Set(d, -100.0f)));
  return hn::CopySign(hn::NegMulAdd(hn::Mul(sum, t), power, one), x);
}

template <Epilogue E>
HWY_INLINE Floats Finish(Floats x, Floats other) {
  const FloatTag d;
  if constexpr (E == Epilogue::quick_gelu) return hn::Mul(x, Sigmoid(hn::Mul(x, hn::Set(d, 1.702f))));
  if constexpr (E == Epilogue::silu) return hn::Mul(x, Sigmoid(x));
  if constexpr (E == Epilogue::gelu) {
    const Floats half = hn::Mul(x, hn::Set(d, 0.5f));
    return hn::MulAdd(half, Erf(hn::Mul(x, hn::Set(d, 0.70710678f))), half);
  }
  if constexpr (E == Epilogue::gelu_tanh) {
    // 0.5 (1 + tanh(y)) = 1 / (1 + e^-2y)
    const Floats cubic = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f * 1.59576912f), hn::Set(d, 1.59576912f));
    return hn::Mul(x, Sigmoid(hn::Mul(x, cubic)));
  }
  if constexpr (E == Epilogue::add) return hn::Add(x, other);
  if constexpr (E == Epilogue::multiply) return hn::Mul(x, other);
  return x;
}

template <Epilogue E>
HWY_INLINE void FinishColumns(const std::int32_t* sums, const RowCode& row, const ColumnCodes& columns,
                              const float* other, float* y, std::int64_t count) {
  const FloatTag d;
  const IntTag i32;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const Floats scales = hn::Set(d, row.scale);
  const auto zeros = hn::Set(i32, row.zero);
  const auto finish = [&](const std::int32_t* sum, const std::int32_t* column_sum, const float* scale,
                          const float* bias, const float* beside) {
    const auto exact = hn::Sub(hn::LoadU(i32, sum), hn::Mul(zeros, hn::LoadU(i32, column_sum)));
    const Floats value = hn::MulAdd(hn::ConvertTo(d, exact), hn::Mul(scales, hn::LoadU(d, scale)), hn::LoadU(d, bias));
    return Finish<E>(value, beside == nullptr ? hn::Zero(d) : hn::LoadU(d, beside));
  };
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(finish(sums + i, columns.sums + i, columns.scales + i, columns.bias + i,
                      other == nullptr ? nullptr : other + i),
               d, y + i);
  }
  if (i == count) return;
  // The remaining columns, in vectors padded with zeros.
  HWY_ALIGN std::int32_t sum[HWY_LANES(float)] = {}, column_sum[HWY_LANES(float)] = {};
  HWY_ALIGN float scale[HWY_LANES(float)] = {}, bias[HWY_LANES(float)] = {}, beside[HWY_LANES(float)] = {},
                  result[HWY_LANES(float)];
  const std::int64_t rest = count - i;
  std::copy_n(sums + i, rest, sum);
  std::copy_n(columns.sums + i, rest, column_sum);
  std::copy_n(columns.scales + i, rest, scale);
  std::copy_n(columns.bias + i, rest, bias);
  if (other != nullptr) std::copy_n(other + i, rest, beside);
  hn::StoreU(finish(sum, column_sum, scale, bias, beside), d, result);
  std::copy_n(result, rest, y + i);
}

void FinishRow(const std::int32_t* sums, const RowCode& row, const ColumnCodes& columns, Epilogue epilogue,
               const float* factors, float* y, std::int64_t count) {
  switch (epilogue) {
    case Epilogue::none:
      return FinishColumns<Epilogue::none>(sums, row, columns, nullptr, y, count);
    case Epilogue::quick_gelu:
      return FinishColumns<Epilogue::quick_gelu>(sums, row, columns, nullptr, y, count);
    case Epilogue::gelu:
      return FinishColumns<Epilogue::gelu>(sums, row, columns, nullptr, y, count);
    case Epilogue::gelu_tanh:
      return FinishColumns<Epilogue::gelu_tanh>(sums, row, columns, nullptr, y, count);
    case Epilogue::silu:
      return FinishColumns<Epilogue::silu>(sums, row, columns, nullptr, y, count);
    case Epilogue::add:
      return FinishColumns<Epilogue::add>(sums, row, columns, y, y, count);
    case Epilogue::multiply:
      return FinishColumns<Epilogue::multiply>(sums, row, columns, factors, y, count);
  }
}

}  // namespace sightline::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sightline::models::kernels {

HWY_EXPORT(QuantizeRow);
HWY_EXPORT(FinishRow);

void quantize(const Rows& x, const float* factors, std::uint8_t* codes, RowCode* rows) {
#pragma omp parallel for schedule(static) if (x.rows * x.columns > k_parallel_elements)
  for (std::int64_t row = 0; row < x.rows; ++row) {
    rows[row] = HWY_DYNAMIC_DISPATCH(QuantizeRow)(x.f32(row), factors, codes + row * x.columns, x.columns);
  }
}

void finish_quantized(const std::int32_t* sums, const RowCode* rows, const ColumnCodes& columns, Epilogue epilogue,
                      const Rows& factors, const Rows& y) {
#pragma omp parallel for schedule(static) if (y.rows * y.columns > k_parallel_elements)
  for (std::int64_t row = 0; row < y.rows; ++row) {
    HWY_DYNAMIC_DISPATCH(FinishRow)
    (sums + row * y.columns, rows[row], columns, epilogue, factors.data == nullptr ? nullptr : factors.f32(row),
     y.f32(row), y.columns);
  }
}

}  // namespace sightline::models::kernels
#endif
