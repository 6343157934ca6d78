#include "models/towers/clip_blocks.h"

#include <utility>

namespace sightline::models {

Transformer clip_transformer(WeightBinder& weights, const std::string& prefix, const TransformerConfig& config,
                             bool pooled, const Compute& compute) {
  const std::int64_t width = config.width;
  Transformer::Parts parts{.heads = config.heads};
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const std::string block = prefix + ".encoder.layers." + std::to_string(i);
    std::vector<at::Tensor> projections, biases;
    for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
      projections.push_back(weights.take(block + ".self_attn." + name + ".weight", {width, width}));
      biases.push_back(weights.take(block + ".self_attn." + name + ".bias", {width}));
    }
    const bool apart = pooled && i + 1 == config.layers;
    parts.blocks.push_back({
        .norm1 = LayerNorm::bind(weights, block + ".layer_norm1", width, config.layer_norm_eps),
        .norm2 = LayerNorm::bind(weights, block + ".layer_norm2", width, config.layer_norm_eps),
        .projections = Projections::of(weights.joined(projections), weights.joined(biases), apart, compute),
        .context_norm = {},
        .out = Linear::with_bias(weights, block + ".self_attn.out_proj", width, width),
        .mlp = {.up = Linear::with_bias(weights, block + ".mlp.fc1", width, config.mlp_width),
                .gate = {},
                .norm = {},
                .down = Linear::with_bias(weights, block + ".mlp.fc2", config.mlp_width, width),
                .activation = config.activation},
    });
  }
  return {std::move(parts), compute};
}

}  // namespace sightline::models
