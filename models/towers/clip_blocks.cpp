#include "models/towers/clip_blocks.h"

#include <utility>

namespace sightline::models {

Transformer clip_transformer(WeightBinder& weights, const std::string& prefix,
                             const TransformerConfig& config, const Compute& compute) {
  const std::int64_t width = config.width;
  Transformer::Parts parts{.heads = config.heads};
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const std::string block = prefix + ".encoder.layers." + std::to_string(i);
    const auto projection = [&](const char* name) {
      return Linear::with_bias(weights, block + ".self_attn." + name, width, width);
    };
    parts.blocks.push_back({
        .norm1 = LayerNorm::bind(weights, block + ".layer_norm1", width, config.layer_norm_eps),
        .norm2 = LayerNorm::bind(weights, block + ".layer_norm2", width, config.layer_norm_eps),
        .query = projection("q_proj"),
        .key = projection("k_proj"),
        .value = projection("v_proj"),
        .context_norm = {},
        .out = projection("out_proj"),
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
