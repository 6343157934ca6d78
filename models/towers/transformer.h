// The transformer that all towers share. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/kernels/rotary.h"
#include "models/towers/attention.h"
#include "models/towers/layers.h"
#include "models/towers/tower.h"

namespace sightline::models {

/// One layer.
struct Block {
  LayerNorm norm1, norm2;
  Projections projections;
  LayerNorm context_norm;  ///< over what attention gives, before `out`; undefined: none
  Linear out;
  Mlp mlp;
};

/// Rotary position embedding of neighbouring pairs: pair i of each head of token t is turned by an angle of
/// its own.
class Rotary {
 public:
  /// `angles` [tokens, head_width / 2], float32.
  Rotary(const at::Tensor& angles, std::int64_t heads, const Compute& compute);

  /// Turns `x` [inputs * tokens, width] in place.
  void turn(const at::Tensor& x) const;

 private:
  std::int64_t tokens_, heads_;
  std::optional<kernels::Rotary> kernel_;  ///< none: libtorch computes with
  at::Tensor turns_;                       ///< [tokens, 1, head_width / 2], complex numbers of length 1
};

/// Layers over the inputs of a batch laid end to end: x += attention(norm1(x)); x += mlp(norm2(x)), or, with
/// the norms behind, x = norm1(x + attention(x)); x = norm2(x + mlp(x)).
class Transformer {
 public:
  enum class Norms { before, behind };
  struct Parts {
    std::vector<Block> blocks{};
    std::int64_t heads = 0;
    Norms norms = Norms::before;
    std::optional<Rotary> rotary{};  ///< of queries and keys; all inputs then have as many tokens
  };

  Transformer(Parts parts, const Compute& compute);

  /// `x` [tokens, width] holds the tokens of all `sequences` and is overwritten. Returns all tokens [tokens, width].
  at::Tensor run(at::Tensor x, std::span<const Sequence> sequences, const ScoreBias& bias, const Steps& steps) const;

  /// The same where one token of each sequence is read in the end, row `pooled[i]` of `x`: the last block, whose
  /// projections are apart, computes queries, MLP and all that follows for that token alone. Returns [sequences,
  /// width]: the same numbers for a twelfth (12 layers) less work. `bias` must leave the pooled token all tokens of its
  /// sequence, unchanged, and a rotary embedding must not turn it.
  at::Tensor run_pooled(at::Tensor x, std::span<const Sequence> sequences, const std::vector<std::int64_t>& pooled,
                        const ScoreBias& bias, const Steps& steps) const;

 private:
  struct Workspace;

  void run_block(const Block& block, const at::Tensor& x, std::span<const Sequence> sequences, const ScoreBias& bias,
                 Workspace& work, const Steps& steps) const;
  /// Writes `x`, normalised by `norm` for the next products, to `work.normed`.
  void take_input(const LayerNorm& norm, const at::Tensor& x, Workspace& work) const;
  /// What follows attention, which has left its result in `work.context`.
  void finish_block(const Block& block, const at::Tensor& x, Workspace& work, const Steps& steps) const;

  Parts parts_;
  Compute compute_;
  std::int64_t width_;
  double score_scale_;
};

}  // namespace sightline::models
