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
  LayerNorm context_norm;  ///< over the result of attention, before `out`; undefined: none
  Linear out;
  Mlp mlp;
};

/// Rotary position embedding of neighbouring pairs: pair i of each head of a token is rotated by an angle that depends
/// on the token's place in its sequence.
class Rotary {
 public:
  /// `angles` [places, head_width / 2], float32.
  Rotary(const at::Tensor& angles, std::int64_t heads, const Compute& compute);

  /// The rotations of the tokens of a pass.
  struct Turns {
    std::vector<std::int64_t> places;  ///< [tokens], of each token in its sequence; for the kernel
    at::Tensor numbers;                ///< [tokens, 1, head_width / 2], complex; undefined if the kernel computes
  };
  Turns turns(std::span<const Sequence> sequences) const;

  /// Rotates `x` [tokens, width] in place.
  void turn(const at::Tensor& x, const Turns& turns) const;

 private:
  std::int64_t heads_;
  std::optional<kernels::Rotary> kernel_;  ///< none: libtorch computes, with the following
  at::Tensor numbers_;                     ///< [places, 1, head_width / 2], complex numbers of length 1
};

/// Layers over the concatenated inputs of a batch: x += attention(norm1(x)); x += mlp(norm2(x)), or, with
/// Norms::behind, x = norm1(x + attention(x)); x = norm2(x + mlp(x)).
class Transformer {
 public:
  enum class Norms { before, behind };
  struct Parts {
    std::vector<Block> blocks{};
    std::int64_t heads = 0;
    Norms norms = Norms::before;
    std::optional<Rotary> rotary{};  ///< of queries and keys; no sequence may then have more tokens than it has places
  };

  Transformer(Parts parts, const Compute& compute);

  /// `x` [tokens, width] holds the tokens of all `sequences` and is overwritten. Returns all tokens [tokens, width].
  at::Tensor run(at::Tensor x, std::span<const Sequence> sequences, const ScoreBias& bias, const Steps& steps) const;

  /// The same if only one token of each sequence is used in the end, row `pooled[i]` of `x`. The last block, whose
  /// projections are separate, computes queries, MLP and all later steps only for that token. Returns [sequences,
  /// width]: the same numbers for a twelfth (12 layers) less work. Every token of its sequence must be visible to the
  /// pooled token without a bias, and a rotary embedding must not rotate the pooled token.
  at::Tensor run_pooled(at::Tensor x, std::span<const Sequence> sequences, const std::vector<std::int64_t>& pooled,
                        const ScoreBias& bias, const Steps& steps) const;

 private:
  struct Workspace;

  void run_block(const Block& block, const at::Tensor& x, std::span<const Sequence> sequences, const ScoreBias& bias,
                 Workspace& work, const Steps& steps) const;
  /// Writes `x`, normalised by `norm` for the next products, to `work.normed`.
  void take_input(const LayerNorm& norm, const at::Tensor& x, Workspace& work) const;
  /// The steps after attention, whose result is in `work.context`.
  void finish_block(const Block& block, const at::Tensor& x, Workspace& work, const Steps& steps) const;

  Parts parts_;
  Compute compute_;
  std::int64_t width_;
  double score_scale_;
};

}  // namespace sightline::models
