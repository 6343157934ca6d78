// SigLIP's vision tower: pictures -> patches -> transformer -> attention pooling (X. Zhai et al., "Scaling Vision
// Transformers": one learned query, the probe, attends to all patches).
#include <cmath>
#include <vector>

#include "models/towers/clip_blocks.h"
#include "models/towers/patch_embedding.h"
#include "models/towers/tower.h"

namespace sightline::models {
namespace {

/// x = attention(probe, tokens); x + mlp(norm(x)).
class AttentionPooling {
 public:
  AttentionPooling(WeightBinder& weights, const std::string& name, const TransformerConfig& config,
                   const Compute& compute)
      : heads_(config.heads),
        compute_(compute),
        projections_(take_projections(weights, name + ".attention.", config.width, compute)),
        out_(Linear::with_bias(weights, name + ".attention.out_proj", config.width, config.width)),
        norm_(LayerNorm::bind(weights, name + ".layernorm", config.width, config.layer_norm_eps)),
        mlp_{.up = Linear::with_bias(weights, name + ".mlp.fc1", config.width, config.mlp_width),
             .gate = {},
             .norm = {},
             .down = Linear::with_bias(weights, name + ".mlp.fc2", config.mlp_width, config.width),
             .activation = config.activation},
        probe_(weights.take(name + ".probe", {1, 1, config.width}).view({1, config.width})),
        score_scale_(1 / std::sqrt(static_cast<double>(config.width) / config.heads)) {}

  /// `x` [tokens, width] of all pictures -> [pictures, width]
  at::Tensor operator()(const at::Tensor& x, std::span<const Sequence> pictures) const {
    const std::int64_t width = x.size(1), count = std::ssize(pictures);
    const at::Tensor query = projections_.query(probe_, compute_), key_value = projections_.key_value(x, compute_);
    // The probe is the same for every picture, and so is its query.
    constexpr Sequence k_query[] = {{0, 1}};
    const at::Tensor context = at::empty({count, width}, x.options());
    for (std::int64_t i = 0; i < count; ++i) {
      attend(query, k_query, key_value.narrow(1, 0, width), key_value.narrow(1, width, width),
             pictures.subspan(static_cast<std::size_t>(i), 1), heads_, score_scale_, {}, compute_,
             context.narrow(0, i, 1));
    }
    const at::Tensor result = out_(context, compute_);
    mlp_.accumulate(norm_(result).to(compute_.product_dtype), Mlp::Workspace(mlp_, count, compute_), result);
    return result;
  }

 private:
  /// Query, key and value are one matrix in torch's MultiheadAttention; in timm's pooling the query is separate.
  static Projections take_projections(WeightBinder& weights, const std::string& name, std::int64_t width,
                                      const Compute& compute) {
    if (!weights.has(name + "q_proj.weight")) {
      return Projections::of(weights.take(name + "in_proj_weight", {3 * width, width}),
                             weights.take(name + "in_proj_bias", {3 * width}), true, compute);
    }
    return {.all = {},
            .query = Linear::with_bias(weights, name + "q_proj", width, width),
            .key_value = Linear::with_bias(weights, name + "kv_proj", width, 2 * width)};
  }

  std::int64_t heads_;
  Compute compute_;
  Projections projections_;
  Linear out_;
  LayerNorm norm_;
  Mlp mlp_;
  at::Tensor probe_;  ///< [1, width]
  double score_scale_;
};

class SiglipVisionTower final : public VisionTower {
 public:
  SiglipVisionTower(WeightBinder& weights, const SiglipVisionConfig& config, const PixelScale& pixels,
                    const Compute& compute)
      : embedding_(take_embedding(weights, config), config.grid, pixels, compute),
        transformer_(clip_transformer(weights, "vision_model", config.transformer, false, compute)),
        post_norm_(LayerNorm::bind(weights, "vision_model.post_layernorm", config.transformer.width,
                                   config.transformer.layer_norm_eps)),
        pooling_(weights, "vision_model.head", config.transformer, compute) {
    weights.ignore("vision_model.embeddings.position_ids");  // older files contain 0, 1, 2, ...
  }

  at::Tensor run(std::span<const std::uint8_t* const> pictures, const Steps& steps) const override {
    const std::vector<Sequence> sequences = embedding_.sequences(pictures.size());
    return pooling_(post_norm_(transformer_.run(embedding_.run(pictures), sequences, {}, steps)), sequences);
  }

  std::int64_t tokens_per_picture() const override { return embedding_.tokens(); }

 private:
  static PatchEmbedding::Weights take_embedding(WeightBinder& weights, const SiglipVisionConfig& config) {
    const std::int64_t width = config.transformer.width, patch = config.grid.patch_size;
    const std::string prefix = "vision_model.embeddings.";
    return {.kernel = weights.take(prefix + "patch_embedding.weight", {width, 3, patch, patch}),
            .bias = weights.take(prefix + "patch_embedding.bias", {width}),
            .class_token = {},
            .positions = weights.take(prefix + "position_embedding.weight", {config.grid.patches(), width})};
  }

  PatchEmbedding embedding_;
  Transformer transformer_;
  LayerNorm post_norm_;
  AttentionPooling pooling_;
};

}  // namespace

std::unique_ptr<VisionTower> make_siglip_vision(WeightBinder& weights, const SiglipVisionConfig& config,
                                                const PixelScale& pixels, const Compute& compute) {
  return std::make_unique<SiglipVisionTower>(weights, config, pixels, compute);
}

}  // namespace sightline::models
