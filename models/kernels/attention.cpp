#include "models/kernels/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/attention.cpp"
#include <hwy/foreach_target.h>

#include "models/kernels/vectors-inl.h"

#ifndef SIGHTLINE_KERNELS_ATTENTION
#define SIGHTLINE_KERNELS_ATTENTION
#include <algorithm>
#include <cmath>
#include <limits>
#include <omp.h>

#include "models/kernels/arena.h"

namespace sightline::models::kernels {

/// One head of one sequence.
struct Head {
  const float *q, *k, *v;  ///< of the first query, key and value
  std::int64_t q_stride, k_stride, v_stride;
  std::int64_t queries, keys, width;
  float scale;
  bool causal;
  float slope;          ///< 0: none
  const float* hidden;  ///< [keys]; null: none
  Rows context;         ///< [queries, width]
};

}  // namespace sightline::models::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace sightline::models::kernels::HWY_NAMESPACE {

/// Rows and vectors of a block of the result that stays in registers: 24 accumulators of 32 registers, or 12 of 16.
constexpr int k_block_rows = 6;
constexpr int k_block_vectors = HWY_LANES(float) >= 16 ? 4 : 2;

/// c[R, V vectors] = a[R, depth] b[depth, V vectors]
template <int R, int V>
HWY_INLINE void MultiplyBlock(const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride,
                              std::int64_t depth, float* c, std::int64_t c_stride) {
  const FloatTag d;
  constexpr auto lanes = static_cast<std::int64_t>(HWY_LANES(float));
  Floats sums[R][V];
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) sums[r][v] = hn::Zero(d);
  }
  for (std::int64_t i = 0; i < depth; ++i) {
    Floats row[V];
    for (int v = 0; v < V; ++v) row[v] = hn::Load(d, b + i * b_stride + v * lanes);
    for (int r = 0; r < R; ++r) {
      const Floats factor = hn::Set(d, a[r * a_stride + i]);
      for (int v = 0; v < V; ++v) sums[r][v] = hn::MulAdd(factor, row[v], sums[r][v]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) hn::Store(sums[r][v], d, c + r * c_stride + v * lanes);
  }
}

template <int V>
HWY_INLINE void MultiplyRows(std::int64_t rows, const float* a, std::int64_t a_stride, const float* b,
                             std::int64_t b_stride, std::int64_t depth, float* c, std::int64_t c_stride) {
  switch (rows) {
    case 1:
      return MultiplyBlock<1, V>(a, a_stride, b, b_stride, depth, c, c_stride);
    case 2:
      return MultiplyBlock<2, V>(a, a_stride, b, b_stride, depth, c, c_stride);
    case 3:
      return MultiplyBlock<3, V>(a, a_stride, b, b_stride, depth, c, c_stride);
    case 4:
      return MultiplyBlock<4, V>(a, a_stride, b, b_stride, depth, c, c_stride);
    case 5:
      return MultiplyBlock<5, V>(a, a_stride, b, b_stride, depth, c, c_stride);
    default:
      return MultiplyBlock<k_block_rows, V>(a, a_stride, b, b_stride, depth, c, c_stride);
  }
}

/// c[rows, columns] = a[rows, depth] b[depth, columns], at most k_block_rows rows, `columns` whole vectors.
void Multiply(std::int64_t rows, std::int64_t columns, const float* a, std::int64_t a_stride, const float* b,
              std::int64_t b_stride, std::int64_t depth, float* c, std::int64_t c_stride) {
  constexpr auto lanes = static_cast<std::int64_t>(HWY_LANES(float));
  std::int64_t column = 0;
  for (; column + k_block_vectors * lanes <= columns; column += k_block_vectors * lanes) {
    MultiplyRows<k_block_vectors>(rows, a, a_stride, b + column, b_stride, depth, c + column, c_stride);
  }
  for (; column < columns; column += lanes) {
    MultiplyRows<1>(rows, a, a_stride, b + column, b_stride, depth, c + column, c_stride);
  }
}

/// Turns the scores of a query into shares that are not yet divided by their sum, which it returns. `row` is the
/// query's position; `length` (whole vectors) scores are written, those from `end` on as 0.
float SharesOf(const Head& head, std::int64_t row, std::int64_t end, std::int64_t length, float* scores) {
  const FloatTag d;
  constexpr auto lanes = static_cast<std::int64_t>(HWY_LANES(float));
  const Floats scale = hn::Set(d, head.scale), slope = hn::Set(d, -head.slope),
               lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  Floats largest = lowest;
  for (std::int64_t i = 0; i < length; i += lanes) {
    Floats score = hn::Mul(hn::Load(d, scores + i), scale);
    if (head.slope != 0) {
      const Floats key = hn::Iota(d, static_cast<float>(i - row));
      score = hn::MulAdd(slope, hn::Abs(key), score);
    }
    if (i + lanes > end) {
      score =
          hn::IfThenElse(hn::FirstN(d, static_cast<std::size_t>(std::max<std::int64_t>(0, end - i))), score, lowest);
    }
    if (head.hidden != nullptr) {
      HWY_ALIGN float hidden[HWY_LANES(float)] = {};
      std::copy_n(head.hidden + i, std::clamp<std::int64_t>(end - i, 0, lanes), hidden);
      score = hn::Add(score, hn::Load(d, hidden));
    }
    hn::Store(score, d, scores + i);
    largest = hn::Max(largest, score);
  }
  const Floats top = hn::MaxOfLanes(d, largest);
  Floats sum = hn::Zero(d);
  for (std::int64_t i = 0; i < length; i += lanes) {
    // Highway's Exp is not defined for -inf. In this order of arguments NaN stays NaN.
    const Floats distance = hn::Max(hn::Set(d, -200.0f), hn::Sub(hn::Load(d, scores + i), top));
    const Floats share = hn::Exp(d, distance);
    hn::Store(share, d, scores + i);
    sum = hn::Add(sum, share);
  }
  return sum_of(sum);
}

void WriteContext(const Head& head, std::int64_t row, const float* sums, float factor) {
  const FloatTag d;
  constexpr auto lanes = static_cast<std::int64_t>(HWY_LANES(float));
  const Floats factors = hn::Set(d, factor);
  std::int64_t i = 0;
  if (head.context.element == Element::f32) {
    float* const to = head.context.f32(row);
    for (; i + lanes <= head.width; i += lanes) hn::StoreU(hn::Mul(hn::Load(d, sums + i), factors), d, to + i);
    for (; i < head.width; ++i) to[i] = sums[i] * factor;
  } else {
    std::uint16_t* const to = head.context.bf16(row);
    for (; i + lanes <= head.width; i += lanes) store_bf16(hn::Mul(hn::Load(d, sums + i), factors), to + i);
    for (; i < head.width; ++i) to[i] = to_bf16(sums[i] * factor);
  }
}

std::int64_t WholeVectors(std::int64_t count) {
  constexpr auto lanes = static_cast<std::int64_t>(HWY_LANES(float));
  return (count + lanes - 1) / lanes * lanes;
}

/// The number of floats that AttendHead needs as work space.
std::int64_t WorkOf(std::int64_t head_keys, std::int64_t head_width) {
  const std::int64_t keys = WholeVectors(head_keys), width = WholeVectors(head_width);
  return head_width * keys + head_keys * width + k_block_rows * (keys + width);
}

void AttendHead(const Head& head, float* work) {
  const std::int64_t keys = WholeVectors(head.keys), width = WholeVectors(head.width);
  float* const k_t = work;                           // [width, keys]
  float* const v = k_t + head.width * keys;          // [keys, width]
  float* const scores = v + head.keys * width;       // [k_block_rows, keys]
  float* const sums = scores + k_block_rows * keys;  // [k_block_rows, width]

  constexpr std::int64_t k_transposed_at_once = 16;
  for (std::int64_t begin = 0; begin < keys; begin += k_transposed_at_once) {
    const std::int64_t end = std::min(begin + k_transposed_at_once, keys), real = std::min(end, head.keys);
    for (std::int64_t i = 0; i < head.width; ++i) {
      for (std::int64_t key = begin; key < real; ++key) k_t[i * keys + key] = head.k[key * head.k_stride + i];
      for (std::int64_t key = std::max(begin, real); key < end; ++key) k_t[i * keys + key] = 0;
    }
  }
  for (std::int64_t key = 0; key < head.keys; ++key) {
    std::copy_n(head.v + key * head.v_stride, head.width, v + key * width);
    std::fill_n(v + key * width + head.width, width - head.width, 0.0f);
  }

  for (std::int64_t row = 0; row < head.queries; row += k_block_rows) {
    const std::int64_t rows = std::min<std::int64_t>(k_block_rows, head.queries - row);
    const std::int64_t looked_at = head.causal ? row + rows : head.keys;
    const std::int64_t length = WholeVectors(looked_at);
    Multiply(rows, length, head.q + row * head.q_stride, head.q_stride, k_t, keys, head.width, scores, keys);
    float totals[k_block_rows];
    for (std::int64_t r = 0; r < rows; ++r) {
      totals[r] = SharesOf(head, row + r, head.causal ? row + r + 1 : head.keys, length, scores + r * keys);
    }
    Multiply(rows, width, scores, keys, v, width, looked_at, sums, width);
    for (std::int64_t r = 0; r < rows; ++r) WriteContext(head, row + r, sums + r * width, 1 / totals[r]);
  }
}

}  // namespace sightline::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sightline::models::kernels {

HWY_EXPORT(AttendHead);
HWY_EXPORT(WorkOf);

void attend(const Rows& q, std::span<const Sequence> queries, const Rows& k, const Rows& v,
            std::span<const Sequence> keys, std::int64_t heads, float scale, const ScoreBias& bias,
            const Rows& context) {
  const std::int64_t width = q.columns / heads, count = static_cast<std::int64_t>(keys.size()) * heads;
  std::int64_t scores = 0, longest = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    scores += queries[i].length * keys[i].length;
    longest = std::max(longest, keys[i].length);
  }
  // Allocated before the threads start, which could not report a failure. Each thread's part is a multiple of 64 bytes.
  Arena& arena = Arena::of_this_thread();
  const Arena::Frame frame(arena);
  constexpr std::int64_t k_block = 16;
  const std::int64_t work_floats = (HWY_DYNAMIC_DISPATCH(WorkOf)(longest, width) + k_block - 1) / k_block * k_block;
  auto* const work =
      static_cast<float*>(arena.take(static_cast<std::size_t>(work_floats * omp_get_max_threads()) * sizeof(float)));
#pragma omp parallel for schedule(dynamic) if (scores * q.columns > k_parallel_elements)
  for (std::int64_t at = 0; at < count; ++at) {
    const auto i = static_cast<std::size_t>(at / heads);
    const std::int64_t head = at % heads, column = head * width;
    Rows result = context;
    result.rows = queries[i].length;
    result.columns = width;
    result.data = context.element == Element::f32 ? static_cast<void*>(context.f32(queries[i].begin) + column)
                                                  : static_cast<void*>(context.bf16(queries[i].begin) + column);
    HWY_DYNAMIC_DISPATCH(AttendHead)
    ({.q = q.f32(queries[i].begin) + column,
      .k = k.f32(keys[i].begin) + column,
      .v = v.f32(keys[i].begin) + column,
      .q_stride = q.stride,
      .k_stride = k.stride,
      .v_stride = v.stride,
      .queries = queries[i].length,
      .keys = keys[i].length,
      .width = width,
      .scale = scale,
      .causal = bias.causal,
      .slope = bias.slopes == nullptr ? 0 : bias.slopes[head],
      .hidden = bias.hidden == nullptr ? nullptr : bias.hidden + keys[i].begin,
      .context = result},
     work + omp_get_thread_num() * work_floats);
  }
}

}  // namespace sightline::models::kernels
#endif
