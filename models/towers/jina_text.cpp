// jina-clip-v1's text tower, JinaBERT v2 (M. Guenther et al., "Jina Embeddings 2"): words -> LayerNorm ->
// post-norm layers with ALiBi and gated MLPs -> mean.
#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/towers/token_batch.h"
#include "models/towers/transformer.h"

namespace sightline::models {
namespace {

/// Tokens of this id occur only in a text that contains "[PAD]". They are ignored by attention and not counted in the
/// mean.
constexpr std::int32_t k_padding_id = 0;

Transformer jina_transformer(WeightBinder& weights, const TransformerConfig& config, const Compute& compute) {
  const std::int64_t width = config.width, mlp_width = config.mlp_width;
  Transformer::Parts parts{.heads = config.heads, .norms = Transformer::Norms::behind};
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const std::string block = "text_model.transformer.encoder.layers." + std::to_string(i) + ".";
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

class JinaTextTower final : public TextTower {
 public:
  JinaTextTower(WeightBinder& weights, const JinaTextConfig& config, const Compute& compute)
      : config_(config),
        compute_(compute),
        words_(weights.take_table("text_model.transformer.embeddings.word_embeddings.weight",
                                  {config.vocabulary_size, config.transformer.width})),
        token_types_(weights.take("text_model.transformer.embeddings.token_type_embeddings.weight",
                                  {config.token_types, config.transformer.width})),
        norm_(LayerNorm::bind(weights, "text_model.transformer.emb_ln", config.transformer.width,
                              config.transformer.layer_norm_eps)),
        transformer_(jina_transformer(weights, config.transformer, compute)),
        slopes_(at::tensor(alibi_slopes(config.transformer.heads), at::kFloat).to(compute.device)) {}

  Result<Ids> accept(Ids ids) const override {
    if (Status good = check_ids(ids, k_jina_max_tokens, config_.vocabulary_size); !good) return good.error();
    if (std::all_of(ids.begin(), ids.end(), [](std::int32_t id) { return id == k_padding_id; })) {
      return Error{ErrorCode::invalid_argument, "a text that contains only padding has no vector"};
    }
    return ids;
  }

  at::Tensor run(std::span<const Ids> texts, const Steps& steps) const override {
    const TokenBatch batch(texts, compute_);
    at::Tensor x = words_.index_select(0, batch.ids).to(compute_.dtype);
    x = norm_(x.add_(token_types_.select(0, 0)));
    const at::Tensor padding = batch.ids == k_padding_id;
    const bool has_padding = padding.any().item<bool>();
    ScoreBias bias{.causal = false, .slopes = slopes_, .hidden = {}};
    if (has_padding) {
      bias.hidden = at::zeros({x.size(0)}, x.options().dtype(at::kFloat))
                        .masked_fill_(padding, -std::numeric_limits<float>::infinity());
    }
    x = transformer_.run(x, batch.sequences, bias, steps);
    return means(x, batch.sequences, has_padding ? padding : at::Tensor());
  }

 private:
  /// [sequences, width], in float32, as required for a sum of many rows.
  static at::Tensor means(const at::Tensor& x, std::span<const Sequence> sequences, const at::Tensor& padding) {
    std::vector<at::Tensor> rows;
    for (const Sequence& text : sequences) {
      at::Tensor tokens = x.narrow(0, text.begin, text.length);
      if (padding.defined()) {
        const at::Tensor kept = padding.narrow(0, text.begin, text.length).logical_not().nonzero().squeeze(1);
        tokens = tokens.index_select(0, kept);
      }
      rows.push_back(tokens.mean(0, false, at::kFloat));
    }
    return at::stack(rows);
  }

  JinaTextConfig config_;
  Compute compute_;
  at::Tensor words_;        ///< [vocabulary, width]
  at::Tensor token_types_;  ///< [types, width]; all tokens have type 0
  LayerNorm norm_;
  Transformer transformer_;
  at::Tensor slopes_;  ///< [heads], of ALiBi
};

}  // namespace

std::unique_ptr<TextTower> make_jina_text(WeightBinder& weights, const JinaTextConfig& config, const Compute& compute) {
  return std::make_unique<JinaTextTower>(weights, config, compute);
}

}  // namespace sightline::models
