// CLIP's text tower. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <span>

#include "models/towers/transformer.h"

namespace sightline::models {

/// Ids -> token and position embeddings -> causal transformer -> end-of-text token -> projection.
class ClipTextTower {
 public:
  using Ids = std::span<const std::int32_t>;

  ClipTextTower(WeightBinder& weights, const ClipTextConfig& config, std::int64_t projection_dim,
                const Compute& compute);

  /// The ids up to and with the one that is pooled. The mask is causal: what follows has no say.
  /// Errors: invalid_argument (no ids, too many, one outside the vocabulary, no end of text).
  Result<Ids> cut_at_end(Ids ids) const;

  /// [texts, projection_dim], of ids as cut_at_end gives them.
  at::Tensor run(std::span<const Ids> texts) const;

 private:
  ClipTextConfig config_;
  Compute compute_;
  at::Tensor token_embedding_;  ///< [vocabulary, width]
  at::Tensor positions_;        ///< [max_tokens, width]
  Transformer transformer_;
  LayerNorm final_norm_;
  at::Tensor projection_t_;  ///< [width, projection_dim]
  at::Tensor causal_mask_;   ///< [max_tokens, max_tokens], -inf above the diagonal
};

}  // namespace sightline::models
