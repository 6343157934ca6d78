// Layers under the names of CLIP and similar models. Private to models/towers.
#pragma once

#include <string>

#include "models/towers/transformer.h"

namespace sightline::models {

/// The pre-norm layers PREFIX.encoder.layers.N with layer_norm1/2, self_attn.{q,k,v,out}_proj and mlp.fc1/2. `pooled`:
/// for Transformer::run_pooled.
Transformer clip_transformer(WeightBinder& weights, const std::string& prefix, const TransformerConfig& config,
                             bool pooled, const Compute& compute);

}  // namespace sightline::models
