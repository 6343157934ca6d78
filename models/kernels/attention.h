// Attention over sequences laid end to end.
#pragma once

#include <cstdint>
#include <span>

#include "models/kernels/rows.h"

namespace sightline::models::kernels {

/// Rows [begin, begin + length) of a matrix of tokens: those of one input.
struct Sequence {
  std::int64_t begin = 0, length = 0;
};

/// What is added to the scores before the softmax.
struct ScoreBias {
  bool causal = false;            ///< keys after the query get -inf; a sequence then has as many queries as keys
  const float* slopes = nullptr;  ///< [heads]: -slope * |query - key|; null: none
  const float* hidden = nullptr;  ///< [tokens], added to the scores of each key; null: none
};

/// softmax(scale q k^T + bias) v of each sequence, head by head, into `context`.
///
/// `q` and `context` are [queries, width], `k` and `v` [tokens, width], all float32 except `context`, which may be
/// bfloat16; heads are adjacent in a row, width / heads columns each. Sequence i has its queries and results at
/// rows `queries[i]`, its keys and values at rows `keys[i]`. Scores, softmax and sums are float32. Memory: per
/// thread, one head's keys and values, and the scores of six queries.
void attend(const Rows& q, std::span<const Sequence> queries, const Rows& k, const Rows& v,
            std::span<const Sequence> keys, std::int64_t heads, float scale, const ScoreBias& bias,
            const Rows& context);

}  // namespace sightline::models::kernels
