// Attention over the inputs of a batch laid end to end. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <span>
#include <vector>

#include "models/towers/compute.h"

namespace sightline::models {

/// Rows [begin, begin + length) of a matrix of tokens: those of one input.
struct Sequence {
  std::int64_t begin = 0, length = 0;
};

/// A piece of the scores: of heads [head, head + heads), queries [row, row + rows), all keys.
struct ScoreBlock {
  Sequence sequence;  ///< its length is the number of keys
  std::int64_t head = 0, heads = 0;
  std::int64_t row = 0, rows = 0;
};

/// What is added to the scores before the softmax.
class ScoreBias {
 public:
  virtual ~ScoreBias() = default;
  /// [heads, rows, keys], or what expands to it
  virtual at::Tensor block(const ScoreBlock& block) const = 0;
};

/// Keys after the query are not looked at.
class CausalMask final : public ScoreBias {
 public:
  CausalMask(std::int64_t longest, const Compute& compute);
  at::Tensor block(const ScoreBlock& block) const override;

 private:
  at::Tensor mask_;  ///< [longest, longest], -inf above the diagonal
};

/// A penalty of slope * |query - key|, each head with a slope of its own (O. Press et al., "Train Short, Test
/// Long", for both directions), and keys that are not looked at.
class Alibi final : public ScoreBias {
 public:
  Alibi(std::int64_t heads, std::int64_t longest, const Compute& compute);

  /// A copy of this that is blind for the tokens of a batch (rows of its matrix) where `hidden` is -inf; it
  /// is 0 for the others. [tokens]
  Alibi hiding(at::Tensor hidden) const;

  at::Tensor block(const ScoreBlock& block) const override;

  /// 2^(-8 i / h), i = 1 ... h, for a power of two h; for another number of heads those of the next power of
  /// two below, then every other one of the next above, from its first.
  static std::vector<float> slopes(std::int64_t heads);

 private:
  std::int64_t longest_;
  at::Tensor distances_;  ///< [2 longest - 1]: -|i|, i from -(longest - 1) on
  at::Tensor slopes_;     ///< [heads, 1, 1]
  at::Tensor hidden_;     ///< [tokens]; undefined: none
  at::ScalarType dtype_;  ///< of the scores; the table is float32, which holds all distances
};

/// softmax(q k^T + bias) v of each sequence, head by head, into `context`. `q` is scaled already. Sequence i
/// has its queries and results at rows `queries[i]`, its keys and values at rows `keys[i]`. `bias` null:
/// none. Memory: scores are taken in pieces of bounded size, whatever a sequence's length.
void attend(const at::Tensor& q, std::span<const Sequence> queries, const at::Tensor& k, const at::Tensor& v,
            std::span<const Sequence> keys, std::int64_t heads, const ScoreBias* bias, const Compute& compute,
            at::Tensor& context);

}  // namespace sightline::models
