// SigLIP's text tower: token and position embeddings -> transformer -> last token -> head (X. Zhai et al.,
// "Sigmoid Loss for Language Image Pre-Training").
#include <string>
#include <vector>

#include "models/towers/clip_blocks.h"
#include "models/towers/token_batch.h"
#include "models/towers/tower.h"

namespace sightline::models {
namespace {

/// Attention is not masked: the padding after a text affects the vector, and the last position, usually padding itself,
/// is pooled.
class SiglipTextTower final : public TextTower {
 public:
  SiglipTextTower(WeightBinder& weights, const SiglipTextConfig& config, const Compute& compute)
      : config_(config),
        compute_(compute),
        token_embedding_(weights.take_table("text_model.embeddings.token_embedding.weight",
                                            {config.vocabulary_size, config.transformer.width})),
        positions_(
            weights.take("text_model.embeddings.position_embedding.weight", {config.tokens, config.transformer.width})),
        transformer_(clip_transformer(weights, "text_model", config.transformer, true, compute)),
        final_norm_(LayerNorm::bind(weights, "text_model.final_layer_norm", config.transformer.width,
                                    config.transformer.layer_norm_eps)),
        head_(
            Linear::with_bias(weights, "text_model.head", config.transformer.width, config.dims, Linear::Place::last)) {
    weights.ignore("text_model.embeddings.position_ids");  // older files contain 0, 1, 2, ...
  }

  Result<Ids> accept(Ids ids) const override {
    if (Status good = check_ids(ids, config_.tokens, config_.vocabulary_size); !good) return good.error();
    if (ids.size() == config_.tokens) return ids;
    return Error{ErrorCode::invalid_argument, "a text of " + std::to_string(ids.size()) +
                                                  " tokens; this model takes exactly " +
                                                  std::to_string(config_.tokens) + ", padding included"};
  }

  at::Tensor run(std::span<const Ids> texts, const Steps& steps) const override {
    const TokenBatch batch(texts, compute_);
    at::Tensor x = batch.embed(token_embedding_, positions_, compute_.dtype);
    return head_(final_norm_(transformer_.run_pooled(x, batch.sequences, batch.last_rows(), {}, steps)), compute_);
  }

 private:
  SiglipTextConfig config_;
  Compute compute_;
  at::Tensor token_embedding_;  ///< [vocabulary, width]
  at::Tensor positions_;        ///< [tokens, width]
  Transformer transformer_;
  LayerNorm final_norm_;
  Linear head_;
};

}  // namespace

std::unique_ptr<TextTower> make_siglip_text(WeightBinder& weights, const SiglipTextConfig& config,
                                            const Compute& compute) {
  return std::make_unique<SiglipTextTower>(weights, config, compute);
}

}  // namespace sightline::models
