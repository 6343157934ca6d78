// Attention over the inputs of a batch laid end to end. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/attention.h"
#include "models/towers/compute.h"

namespace sightline::models {

using kernels::Sequence;

/// What is added to the scores before the softmax.
struct ScoreBias {
  bool causal = false;  ///< keys after the query are ignored
  /// [heads], float32: a penalty of slope * |query - key|, each head with a separate slope (O. Press et al., "Train
  /// Short, Test Long", for both directions). Undefined: none.
  at::Tensor slopes{};
  /// [tokens], float32: -inf for the tokens of the batch that are ignored, else 0. Undefined: none.
  at::Tensor hidden{};
};

/// 2^(-8 i / h), i = 1 ... h, for a power of two h. For another number of heads those of the next lower power of two,
/// then every other one of the next higher power, from its first.
std::vector<float> alibi_slopes(std::int64_t heads);

/// softmax(scale q k^T + bias) v of each sequence, head by head, into `context`. Sequence i has its queries and results
/// at rows `queries[i]`, its keys and values at rows `keys[i]`. Memory: scores are computed in pieces of bounded size,
/// whatever a sequence's length.
void attend(const at::Tensor& q, std::span<const Sequence> queries, const at::Tensor& k, const at::Tensor& v,
            std::span<const Sequence> keys, std::int64_t heads, double scale, const ScoreBias& bias,
            const Compute& compute, const at::Tensor& context);

}  // namespace sightline::models
