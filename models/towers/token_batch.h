// Texts of a batch laid end to end. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <span>
#include <vector>

#include "models/towers/attention.h"
#include "models/towers/tower.h"

namespace sightline::models {

struct TokenBatch {
  TokenBatch(std::span<const Ids> texts, const Compute& compute);

  std::vector<Sequence> sequences;  ///< where each text's tokens are
  at::Tensor ids, places;           ///< [tokens]: each token's id, and its position in its text

  /// The rows of `words` [vocabulary, width] and `positions` [max_tokens, width] of each token, added: [tokens, width].
  at::Tensor embed(const at::Tensor& words, const at::Tensor& positions, at::ScalarType dtype) const;
  /// Each text's last row.
  std::vector<std::int64_t> last_rows() const;
};

/// The mean of each text's tokens in `x` [tokens, width]: [texts, width], in float32, as required for a sum of many rows.
/// Tokens for which `padding` [tokens] is true do not count; undefined: all count.
at::Tensor token_means(const at::Tensor& x, std::span<const Sequence> sequences, const at::Tensor& padding = {});

}  // namespace sightline::models
