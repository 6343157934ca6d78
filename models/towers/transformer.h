// The pre-norm transformer that both CLIP towers share. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/towers/weight_binder.h"
#include "models/weights/clip_config.h"

namespace sightline::models {

/// y = x W^T + b, [rows, in] -> [rows, out]
struct Linear {
  at::Tensor weight_t;  ///< [in, out], a transposed view of the stored [out, in]
  at::Tensor bias;      ///< [out]; undefined: none

  static Linear with_bias(WeightBinder& weights, const std::string& name, std::int64_t in, std::int64_t out);
};

struct LayerNorm {
  at::Tensor weight, bias;  ///< [width]
  double eps = 1e-5;

  static LayerNorm bind(WeightBinder& weights, const std::string& name, std::int64_t width, double eps);
  at::Tensor operator()(const at::Tensor& x) const;
};

/// Rows [begin, begin + length) of a matrix of tokens: those of one input.
struct Sequence {
  std::int64_t begin = 0, length = 0;
};

/// L blocks x += attention(norm1(x)); x += mlp(norm2(x)), over the inputs of a batch laid end to end.
///
/// Only one token of each input is read in the end, so the last block computes queries, MLP and all that
/// follows for that token alone: the same numbers for a twelfth (12 layers) less work.
class Transformer {
 public:
  Transformer(WeightBinder& weights, const std::string& prefix, const TransformerConfig& config,
              const Compute& compute);

  /// `x` [tokens, width] holds the tokens of all `sequences` and is overwritten; row `pooled[i]` of it is the
  /// one that is read of sequence i. `mask` [longest, longest] is added to the attention scores of each, cut
  /// to its length; undefined: none. A mask must leave the pooled token all tokens of its sequence. Returns
  /// the pooled tokens [sequences, width].
  at::Tensor run(at::Tensor x, std::span<const Sequence> sequences, const std::vector<std::int64_t>& pooled,
                 const at::Tensor& mask) const;

 private:
  struct Block {
    LayerNorm norm1, norm2;
    Linear query, key, value, out, up, down;
  };
  struct Workspace;

  void attend(const at::Tensor& q, std::span<const Sequence> queries, const at::Tensor& k,
              const at::Tensor& v, std::span<const Sequence> keys, const at::Tensor& mask,
              at::Tensor& context) const;
  void run_mlp(const Block& block, at::Tensor& x, at::Tensor& hidden) const;

  TransformerConfig config_;
  Compute compute_;
  std::vector<Block> blocks_;
};

}  // namespace sightline::models
