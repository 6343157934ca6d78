// CLIP's vision tower: pictures -> patches -> transformer -> first token -> projection.
#include <vector>

#include "models/towers/clip_blocks.h"
#include "models/towers/patch_embedding.h"
#include "models/towers/tower.h"

namespace sightline::models {
namespace {

class ClipVisionTower final : public VisionTower {
 public:
  ClipVisionTower(WeightBinder& weights, const ClipVisionConfig& config, std::int64_t projection_dim,
                  const PixelScale& pixels, const Compute& compute)
      : embedding_(take_embedding(weights, config), config.grid, pixels, compute),
        // The spelling of the published tensors.
        pre_norm_(LayerNorm::bind(weights, "vision_model.pre_layrnorm", config.transformer.width,
                                  config.transformer.layer_norm_eps)),
        transformer_(clip_transformer(weights, "vision_model", config.transformer, true, compute)),
        post_norm_(LayerNorm::bind(weights, "vision_model.post_layernorm", config.transformer.width,
                                   config.transformer.layer_norm_eps)),
        projection_(Linear::projection(weights, "visual_projection", config.transformer.width, projection_dim)),
        compute_(compute) {
    weights.ignore("vision_model.embeddings.position_ids");  // older files contain 0, 1, 2, ...
  }

  at::Tensor run(std::span<const std::uint8_t* const> pictures, const Steps& steps) const override {
    const std::vector<Sequence> sequences = embedding_.sequences(pictures.size());
    std::vector<std::int64_t> pooled;
    for (const Sequence& picture : sequences) pooled.push_back(picture.begin);  // the class token
    const at::Tensor x = transformer_.run_pooled(pre_norm_(embedding_.run(pictures)), sequences, pooled, {}, steps);
    return projection_(post_norm_(x), compute_);
  }

  std::int64_t tokens_per_picture() const override { return embedding_.tokens(); }

 private:
  static PatchEmbedding::Weights take_embedding(WeightBinder& weights, const ClipVisionConfig& config) {
    const std::int64_t width = config.transformer.width, patch = config.grid.patch_size;
    const std::string prefix = "vision_model.embeddings.";
    return {.kernel = weights.take(prefix + "patch_embedding.weight", {width, 3, patch, patch}),
            .bias = {},
            .class_token = weights.take(prefix + "class_embedding", {width}),
            .positions = weights.take(prefix + "position_embedding.weight", {config.tokens(), width})};
  }

  PatchEmbedding embedding_;
  LayerNorm pre_norm_;
  Transformer transformer_;
  LayerNorm post_norm_;
  Linear projection_;
  Compute compute_;
};

}  // namespace

std::unique_ptr<VisionTower> make_clip_vision(WeightBinder& weights, const ClipVisionConfig& config,
                                              std::int64_t projection_dim, const PixelScale& pixels,
                                              const Compute& compute) {
  return std::make_unique<ClipVisionTower>(weights, config, projection_dim, pixels, compute);
}

}  // namespace sightline::models
