// CLIP's text tower: token and position embeddings -> causal transformer -> end-of-text token -> projection.
#include <algorithm>
#include <string>
#include <vector>

#include "models/towers/clip_blocks.h"
#include "models/towers/token_batch.h"
#include "models/towers/tower.h"

namespace sightline::models {
namespace {

class ClipTextTower final : public TextTower {
 public:
  ClipTextTower(WeightBinder& weights, const ClipTextConfig& config, std::int64_t projection_dim,
                const Compute& compute)
      : config_(config),
        compute_(compute),
        token_embedding_(weights.take_table("text_model.embeddings.token_embedding.weight",
                                            {config.vocabulary_size, config.transformer.width})),
        positions_(weights.take("text_model.embeddings.position_embedding.weight",
                                {config.max_tokens, config.transformer.width})),
        transformer_(clip_transformer(weights, "text_model", config.transformer, true, compute)),
        final_norm_(LayerNorm::bind(weights, "text_model.final_layer_norm", config.transformer.width,
                                    config.transformer.layer_norm_eps)),
        projection_(Linear::projection(weights, "text_projection", config.transformer.width, projection_dim)) {
    weights.ignore("text_model.embeddings.position_ids");  // older files contain 0, 1, 2, ...
  }

  /// The ids up to and including the one that is pooled. The mask is causal: later ids have no effect.
  Result<Ids> accept(Ids ids) const override {
    if (Status good = check_ids(ids, config_.max_tokens, config_.vocabulary_size); !good) return good.error();
    const auto end = config_.eos_token_id ? std::find(ids.begin(), ids.end(), *config_.eos_token_id)
                                          : std::max_element(ids.begin(), ids.end());  // the first of the largest
    if (end == ids.end()) {
      return Error{ErrorCode::invalid_argument,
                   "token ids without the end-of-text id " + std::to_string(*config_.eos_token_id)};
    }
    return ids.first(static_cast<std::size_t>(end - ids.begin()) + 1);
  }

  at::Tensor run(std::span<const Ids> texts, const Steps& steps) const override {
    const TokenBatch batch(texts, compute_);
    at::Tensor x = batch.embed(token_embedding_, positions_, compute_.dtype);
    x = transformer_.run_pooled(x, batch.sequences, batch.last_rows(), {.causal = true}, steps);
    return projection_(final_norm_(x), compute_);
  }

 private:
  ClipTextConfig config_;
  Compute compute_;
  at::Tensor token_embedding_;  ///< [vocabulary, width]
  at::Tensor positions_;        ///< [max_tokens, width]
  Transformer transformer_;
  LayerNorm final_norm_;
  Linear projection_;
};

}  // namespace

std::unique_ptr<TextTower> make_clip_text(WeightBinder& weights, const ClipTextConfig& config,
                                          std::int64_t projection_dim, const Compute& compute) {
  return std::make_unique<ClipTextTower>(weights, config, projection_dim, compute);
}

}  // namespace sightline::models
