// The text towers of jina-clip: words -> LayerNorm -> post-norm layers -> mean. Version 1 has JinaBERT v2 (M. Guenther et
// al., "Jina Embeddings 2"), with ALiBi and gated MLPs; version 2 has XLM-RoBERTa as in jina-embeddings-v3 (S. Sturua et
// al.), with rotary positions and an adapter.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/towers/token_batch.h"
#include "models/towers/transformer.h"

namespace sightline::models {
namespace {

constexpr const char* k_version_1 = "text_model.transformer.";
constexpr const char* k_version_2 = "text_model.transformer.roberta.";

/// Ids of padding.
constexpr std::int32_t k_bert_padding = 0, k_roberta_padding = 1;

Transformer jina_transformer(WeightBinder& weights, const TransformerConfig& config, const Compute& compute) {
  const std::int64_t width = config.width, mlp_width = config.mlp_width;
  Transformer::Parts parts{.heads = config.heads, .norms = Transformer::Norms::behind};
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const std::string block = k_version_1 + ("encoder.layers." + std::to_string(i) + ".");
    const at::Tensor projections = weights.take(block + "mixer.Wqkv.weight", {3 * width, width});
    const at::Tensor gated = weights.take(block + "mlp.gated_layers.weight", {2 * mlp_width, width});
    parts.blocks.push_back({
        .norm1 = LayerNorm::bind(weights, block + "norm1", width, config.layer_norm_eps),
        .norm2 = LayerNorm::bind(weights, block + "norm2", width, config.layer_norm_eps),
        .projections =
            Projections::of(projections, weights.take(block + "mixer.Wqkv.bias", {3 * width}), false, compute),
        .context_norm = {},
        .out = Linear::with_bias(weights, block + "mixer.out_proj", width, width),
        .mlp = {.up = Linear(gated.narrow(0, mlp_width, mlp_width), {}, compute),
                .gate = Linear(gated.narrow(0, 0, mlp_width), {}, compute),
                .norm = {},
                .down = Linear::with_bias(weights, block + "mlp.wo", mlp_width, width),
                .activation = config.activation},
    });
  }
  return {std::move(parts), compute};
}

/// [places, head_width / 2]: the angle of each pair, place * base^(-2i / head_width).
at::Tensor rotary_angles(const XlmRobertaTextConfig& config) {
  const std::int64_t pairs = config.transformer.width / config.transformer.heads / 2;
  at::Tensor angles = at::empty({k_jina_max_tokens, pairs}, at::kFloat);
  auto angle = angles.accessor<float, 2>();
  for (std::int64_t i = 0; i < pairs; ++i) {
    // In float32 as in the reference, whose rounding matters at far places.
    const auto exponent = static_cast<float>(2 * i) / static_cast<float>(2 * pairs);
    const float frequency = 1.0f / std::pow(static_cast<float>(config.rotary_base), exponent);
    for (std::int64_t place = 0; place < k_jina_max_tokens; ++place) {
      angle[place][i] = static_cast<float>(place) * frequency;
    }
  }
  return angles;
}

/// The rows of queries and keys in another order, head by head: row i of a head's first half, then row i of its second.
/// The reference rotates such pairs, the kernel neighbouring ones. Scores are equal, because queries and keys have the
/// same order. `rows` has the rows of queries, keys and values.
at::Tensor with_neighbouring_pairs(const at::Tensor& rows, std::int64_t heads) {
  if (rows.is_meta()) return rows;
  const std::int64_t width = rows.size(0) / 3, pairs = width / heads / 2;
  const at::Tensor order = at::arange(2 * width, at::kLong).view({2 * heads, 2, pairs}).transpose(1, 2).flatten();
  const at::Tensor all = at::cat({order, at::arange(2 * width, 3 * width, at::kLong)});
  return rows.index_select(0, all.to(rows.device()));
}

Transformer roberta_transformer(WeightBinder& weights, const XlmRobertaTextConfig& config, const Compute& compute) {
  const TransformerConfig& sizes = config.transformer;
  const std::int64_t width = sizes.width, mlp_width = sizes.mlp_width, heads = sizes.heads;
  Transformer::Parts parts{
      .heads = heads, .norms = Transformer::Norms::behind, .rotary = Rotary(rotary_angles(config), heads, compute)};
  for (std::uint32_t i = 0; i < sizes.layers; ++i) {
    const std::string block = k_version_2 + ("encoder.layers." + std::to_string(i) + ".");
    const auto weight = [&](const char* name, std::int64_t in, std::int64_t out) {
      return weights.take_adapted(block + name, AdaptedKind::linear, out, in, config.adapter);
    };
    const auto linear = [&](const char* name, std::int64_t in, std::int64_t out) {
      return Linear(weight(name, in, out), weights.take(block + name + ".bias", {out}), compute);
    };
    const at::Tensor projections = with_neighbouring_pairs(weight("mixer.Wqkv", width, 3 * width), heads);
    const at::Tensor biases = with_neighbouring_pairs(weights.take(block + "mixer.Wqkv.bias", {3 * width}), heads);
    parts.blocks.push_back({
        .norm1 = LayerNorm::bind(weights, block + "norm1", width, sizes.layer_norm_eps),
        .norm2 = LayerNorm::bind(weights, block + "norm2", width, sizes.layer_norm_eps),
        .projections = Projections::of(projections, biases, false, compute),
        .context_norm = {},
        .out = linear("mixer.out_proj", width, width),
        .mlp = {.up = linear("mlp.fc1", width, mlp_width),
                .gate = {},
                .norm = {},
                .down = linear("mlp.fc2", mlp_width, width),
                .activation = sizes.activation},
    });
  }
  return {std::move(parts), compute};
}

class JinaTextTower final : public TextTower {
 public:
  struct Parts {
    at::Tensor words;        ///< [vocabulary, width]
    at::Tensor token_types;  ///< [types, width]; all tokens have type 0
    LayerNorm norm;          ///< of a word's row and its type's
    Transformer transformer;
    at::Tensor slopes;  ///< [heads], of ALiBi; undefined: none
    /// Tokens of this id occur only in a text that contains its name, "[PAD]" or "<pad>". They are ignored by attention
    /// and not counted in the mean.
    std::int32_t padding_id;
  };

  JinaTextTower(Parts parts, const Compute& compute) : parts_(std::move(parts)), compute_(compute) {}

  Result<Ids> accept(Ids ids) const override {
    if (Status good = check_ids(ids, k_jina_max_tokens, static_cast<std::uint32_t>(parts_.words.size(0))); !good)
      return good.error();
    if (std::all_of(ids.begin(), ids.end(), [&](std::int32_t id) { return id == parts_.padding_id; })) {
      return Error{ErrorCode::invalid_argument, "a text that contains only padding has no vector"};
    }
    return ids;
  }

  at::Tensor run(std::span<const Ids> texts, const Steps& steps) const override {
    const TokenBatch batch(texts, compute_);
    at::Tensor x = parts_.words.index_select(0, batch.ids).to(compute_.dtype);
    x = parts_.norm(x.add_(parts_.token_types.select(0, 0)));
    const at::Tensor padding = batch.ids == parts_.padding_id;
    const bool has_padding = padding.any().item<bool>();
    ScoreBias bias{.causal = false, .slopes = parts_.slopes, .hidden = {}};
    if (has_padding) {
      bias.hidden = at::zeros({x.size(0)}, x.options().dtype(at::kFloat))
                        .masked_fill_(padding, -std::numeric_limits<float>::infinity());
    }
    x = parts_.transformer.run(x, batch.sequences, bias, steps);
    return token_means(x, batch.sequences, has_padding ? padding : at::Tensor());
  }

 private:
  Parts parts_;
  Compute compute_;
};

}  // namespace

std::unique_ptr<TextTower> make_jina_text(WeightBinder& weights, const JinaTextConfig& config, const Compute& compute) {
  const TransformerConfig& sizes = config.transformer;
  const std::string start = k_version_1;
  JinaTextTower::Parts parts{
      .words = weights.take_table(start + "embeddings.word_embeddings.weight", {config.vocabulary_size, sizes.width}),
      .token_types = weights.take(start + "embeddings.token_type_embeddings.weight", {config.token_types, sizes.width}),
      .norm = LayerNorm::bind(weights, start + "emb_ln", sizes.width, sizes.layer_norm_eps),
      .transformer = jina_transformer(weights, sizes, compute),
      .slopes = at::tensor(alibi_slopes(sizes.heads), at::kFloat).to(compute.device),
      .padding_id = k_bert_padding};
  return std::make_unique<JinaTextTower>(std::move(parts), compute);
}

std::unique_ptr<TextTower> make_xlm_roberta_text(WeightBinder& weights, const XlmRobertaTextConfig& config,
                                                 const Compute& compute) {
  const TransformerConfig& sizes = config.transformer;
  const std::string start = k_version_2;
  const auto table = [&](const char* name, std::int64_t rows) {
    return weights.take_adapted(start + name, AdaptedKind::table, rows, sizes.width, config.adapter);
  };
  JinaTextTower::Parts parts{.words = table("embeddings.word_embeddings", config.vocabulary_size),
                             .token_types = table("embeddings.token_type_embeddings", config.token_types),
                             .norm = LayerNorm::bind(weights, start + "emb_ln", sizes.width, sizes.layer_norm_eps),
                             .transformer = roberta_transformer(weights, config, compute),
                             .slopes = {},
                             .padding_id = k_roberta_padding};
  return std::make_unique<JinaTextTower>(std::move(parts), compute);
}

}  // namespace sightline::models
