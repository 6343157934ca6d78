// EVA02's vision tower in jina-clip and in EVA02-CLIP (Y. Fang et al., "EVA-02"; baaivision/EVA, eva_vit_model.py and
// rope.py).
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/towers/patch_embedding.h"
#include "models/towers/tower.h"
#include "models/towers/transformer.h"

namespace sightline::models {
namespace {

constexpr double k_rotary_base = 10'000;

/// Rounding of a table stored in bfloat16 is 0.004; positions with another step differ by more than 0.01 from the
/// start.
constexpr double k_rotary_tolerance = 5e-3;

/// [tokens, head_width / 2]: the angle of each pair of dimensions. The first half of the pairs rotates with the patch's
/// row, the second with its column, each with frequencies base^(-2i / (head_width / 2)). The class token is not
/// rotated.
at::Tensor rotary_angles(const EvaVisionConfig& config) {
  const std::int64_t grid = config.grid.edge(), pairs = config.transformer.width / config.transformer.heads / 2,
                     half = pairs / 2;
  at::Tensor angles = at::zeros({grid * grid + 1, pairs}, at::kFloat);
  auto angle = angles.accessor<float, 2>();
  for (std::int64_t patch = 0; patch < grid * grid; ++patch) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double frequency =
          std::pow(k_rotary_base, -static_cast<double>(i) / static_cast<double>(half)) * config.rotary_step;
      angle[patch + 1][i] = static_cast<float>(static_cast<double>(patch / grid) * frequency);
      angle[patch + 1][half + i] = static_cast<float>(static_cast<double>(patch % grid) * frequency);
    }
  }
  return angles;
}

/// Checkpoints contain the reference's tables of cosines and sines [patches, head_width], each value for both
/// dimensions of its pair, once, under the module that owns them. They are not used, but must equal those computed
/// here.
void check_stored_tables(WeightBinder& weights, const at::Tensor& angles) {
  const at::Tensor patches = angles.narrow(0, 1, angles.size(0) - 1).repeat_interleave(2, 1);
  for (const auto& [ending, table] : {std::pair{"rope.freqs_cos", patches.cos()}, {"rope.freqs_sin", patches.sin()}}) {
    for (const std::string& name : weights.names("vision_model.", ending)) {
      const at::Tensor stored = weights.take(name, {table.size(0), table.size(1)});
      if (stored.is_meta()) continue;  // of another shape
      const double difference = (stored.to(at::kCPU, at::kFloat) - table).abs().max().item<float>();
      if (difference <= k_rotary_tolerance) continue;
      weights.reject(name, "differs by " + std::to_string(difference) +
                               " from the rotary table that pt_hw_seq_len and intp_freq make");
    }
  }
}

Transformer eva_transformer(WeightBinder& weights, const EvaVisionConfig& config, const Compute& compute) {
  const TransformerConfig& sizes = config.transformer;
  const std::int64_t width = sizes.width, mlp_width = sizes.mlp_width;
  const at::Tensor angles = rotary_angles(config);
  check_stored_tables(weights, angles);
  Transformer::Parts parts{.heads = sizes.heads, .rotary = Rotary(angles, sizes.heads, compute)};
  for (std::uint32_t i = 0; i < sizes.layers; ++i) {
    const std::string block = "vision_model.blocks." + std::to_string(i) + ".";
    const auto norm = [&](const char* name, std::int64_t over) {
      return LayerNorm::bind(weights, block + name, over, sizes.layer_norm_eps);
    };
    const auto projection = [&](const char* name) {
      return weights.take(block + "attn." + name + ".weight", {width, width});
    };
    const auto bias = [&](const char* name) { return weights.take(block + "attn." + name, {width}); };
    const at::Tensor projections = weights.joined({projection("q_proj"), projection("k_proj"), projection("v_proj")});
    // A bias of all keys would not change the softmax.
    const at::Tensor no_bias = at::zeros({width}, compute.options());
    const at::Tensor biases = weights.joined({bias("q_bias"), no_bias, bias("v_bias")});
    parts.blocks.push_back({
        .norm1 = norm("norm1", width),
        .norm2 = norm("norm2", width),
        .projections = Projections::of(projections, biases, i + 1 == sizes.layers, compute),
        .context_norm = norm("attn.inner_attn_ln", width),
        .out = Linear::with_bias(weights, block + "attn.proj", width, width),
        .mlp = {.up = Linear::with_bias(weights, block + "mlp.w2", width, mlp_width),
                .gate = Linear::with_bias(weights, block + "mlp.w1", width, mlp_width),
                .norm = norm("mlp.ffn_ln", mlp_width),
                .down = Linear::with_bias(weights, block + "mlp.w3", mlp_width, width),
                .activation = sizes.activation},
    });
  }
  return {std::move(parts), compute};
}

class EvaVisionTower final : public VisionTower {
 public:
  EvaVisionTower(WeightBinder& weights, const EvaVisionConfig& config, const PixelScale& pixels, const Compute& compute)
      : embedding_(take_embedding(weights, config), config.grid, pixels, compute),
        transformer_(eva_transformer(weights, config, compute)),
        norm_(
            LayerNorm::bind(weights, "vision_model.norm", config.transformer.width, config.transformer.layer_norm_eps)),
        head_(take_head(weights, config)),
        compute_(compute) {}

  at::Tensor run(std::span<const std::uint8_t* const> pictures, const Steps& steps) const override {
    const std::vector<Sequence> sequences = embedding_.sequences(pictures.size());
    std::vector<std::int64_t> pooled;
    for (const Sequence& picture : sequences) pooled.push_back(picture.begin);  // the class token
    const at::Tensor x = norm_(transformer_.run_pooled(embedding_.run(pictures), sequences, pooled, {}, steps));
    return head_.defined() ? head_(x, compute_) : x;
  }

  std::int64_t tokens_per_picture() const override { return embedding_.tokens(); }

 private:
  static PatchEmbedding::Weights take_embedding(WeightBinder& weights, const EvaVisionConfig& config) {
    const std::int64_t width = config.transformer.width, patch = config.grid.patch_size;
    return {
        .kernel = weights.take("vision_model.patch_embed.proj.weight", {width, 3, patch, patch}),
        .bias = weights.take("vision_model.patch_embed.proj.bias", {width}),
        .class_token = weights.take("vision_model.cls_token", {1, 1, width}).flatten(),
        .positions = weights.take("vision_model.pos_embed", {1, config.tokens(), width}).squeeze(0),
    };
  }

  static Linear take_head(WeightBinder& weights, const EvaVisionConfig& config) {
    if (!config.head) return {};
    const std::int64_t width = config.transformer.width, dims = config.head->dims;
    return config.head->has_bias ? Linear::with_bias(weights, "vision_model.head", width, dims, Linear::Place::last)
                                 : Linear::projection(weights, "vision_model.head", width, dims);
  }

  PatchEmbedding embedding_;
  Transformer transformer_;
  LayerNorm norm_;
  Linear head_;  ///< not defined(): none
  Compute compute_;
};

}  // namespace

std::unique_ptr<VisionTower> make_eva_vision(WeightBinder& weights, const EvaVisionConfig& config,
                                             const PixelScale& pixels, const Compute& compute) {
  return std::make_unique<EvaVisionTower>(weights, config, pixels, compute);
}

}  // namespace sightline::models
