// Text towers like BERT (J. Devlin et al., "BERT"; V. Sanh et al., "DistilBERT"): words + positions (+ token types) ->
// LayerNorm -> post-norm layers -> mean or first token -> possibly a linear layer.
#include <string>
#include <utility>
#include <vector>

#include "models/towers/token_batch.h"
#include "models/towers/transformer.h"

namespace sightline::models {
namespace {

/// The names of a layer's parts: LAYERS + its number + "." + the part.
struct LayerNames {
  const char *layers, *query, *key, *value, *out, *norm1, *up, *down, *norm2;
};

constexpr LayerNames k_bert{"encoder.layer.",       "attention.self.query",   "attention.self.key",
                            "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
                            "intermediate.dense",   "output.dense",           "output.LayerNorm"};
constexpr LayerNames k_distilbert{"transformer.layer.", "attention.q_lin",   "attention.k_lin",
                                  "attention.v_lin",    "attention.out_lin", "sa_layer_norm",
                                  "ffn.lin1",           "ffn.lin2",          "output_layer_norm"};

Transformer bert_transformer(WeightBinder& weights, const BertTextConfig& config, const Compute& compute) {
  const LayerNames& names = config.encoder.kind == BertConfig::Kind::bert ? k_bert : k_distilbert;
  const TransformerConfig& sizes = config.encoder.transformer;
  const std::int64_t width = sizes.width;
  Transformer::Parts parts{.heads = sizes.heads, .norms = Transformer::Norms::behind};
  for (std::uint32_t i = 0; i < sizes.layers; ++i) {
    const std::string layer = config.prefix + names.layers + std::to_string(i) + ".";
    std::vector<at::Tensor> projections, biases;
    for (const char* name : {names.query, names.key, names.value}) {
      projections.push_back(weights.take(layer + name + ".weight", {width, width}));
      biases.push_back(weights.take(layer + name + ".bias", {width}));
    }
    const bool apart = config.pooling == BertTextConfig::Pooling::first_token && i + 1 == sizes.layers;
    parts.blocks.push_back({
        .norm1 = LayerNorm::bind(weights, layer + names.norm1, width, sizes.layer_norm_eps),
        .norm2 = LayerNorm::bind(weights, layer + names.norm2, width, sizes.layer_norm_eps),
        .projections = Projections::of(weights.joined(projections), weights.joined(biases), apart, compute),
        .context_norm = {},
        .out = Linear::with_bias(weights, layer + names.out, width, width),
        .mlp = {.up = Linear::with_bias(weights, layer + names.up, width, sizes.mlp_width),
                .gate = {},
                .norm = {},
                .down = Linear::with_bias(weights, layer + names.down, sizes.mlp_width, width),
                .activation = sizes.activation},
    });
  }
  return {std::move(parts), compute};
}

Linear take_head(WeightBinder& weights, const BertTextConfig& config) {
  if (config.head.dims == 0) return {};
  const auto& [name, dims, has_bias] = config.head;
  const std::int64_t width = config.encoder.transformer.width;
  return has_bias ? Linear::with_bias(weights, name, width, dims, Linear::Place::last)
                  : Linear::projection(weights, name, width, dims);
}

/// Every token of a text counts, also a literal "[PAD]": the reference masks only the padding behind shorter texts of a
/// batch, and there is none here.
class BertTextTower final : public TextTower {
 public:
  BertTextTower(WeightBinder& weights, const BertTextConfig& config, const Compute& compute)
      : config_(config),
        compute_(compute),
        words_(weights.take_table(config.prefix + "embeddings.word_embeddings.weight",
                                  {config.encoder.vocabulary_size, config.encoder.transformer.width})),
        positions_(weights.take(config.prefix + "embeddings.position_embeddings.weight",
                                {config.encoder.max_tokens, config.encoder.transformer.width})),
        norm_(LayerNorm::bind(weights, config.prefix + "embeddings.LayerNorm", config.encoder.transformer.width,
                              config.encoder.transformer.layer_norm_eps)),
        transformer_(bert_transformer(weights, config, compute)),
        head_(take_head(weights, config)) {
    if (config.encoder.token_types > 0) {
      token_types_ = weights.take(config.prefix + "embeddings.token_type_embeddings.weight",
                                  {config.encoder.token_types, config.encoder.transformer.width});
    }
    weights.ignore(config.prefix + "embeddings.position_ids");  // older files contain 0, 1, 2, ...
    for (const char* unused : {"pooler.dense.weight", "pooler.dense.bias"}) weights.ignore(config.prefix + unused);
  }

  Result<Ids> accept(Ids ids) const override {
    if (Status good = check_ids(ids, config_.encoder.max_tokens, config_.encoder.vocabulary_size); !good)
      return good.error();
    return ids;
  }

  at::Tensor run(std::span<const Ids> texts, const Steps& steps) const override {
    const TokenBatch batch(texts, compute_);
    at::Tensor x = batch.embed(words_, positions_, compute_.dtype);
    if (token_types_.defined()) x.add_(token_types_.select(0, 0));
    x = norm_(x);
    x = config_.pooling == BertTextConfig::Pooling::mean
            ? token_means(transformer_.run(x, batch.sequences, {}, steps), batch.sequences)
            : first_tokens(x, batch.sequences, steps);
    return head_.defined() ? head_(x, compute_) : x;
  }

 private:
  at::Tensor first_tokens(const at::Tensor& x, std::span<const Sequence> sequences, const Steps& steps) const {
    std::vector<std::int64_t> pooled;
    for (const Sequence& text : sequences) pooled.push_back(text.begin);
    return transformer_.run_pooled(x, sequences, pooled, {}, steps);
  }

  BertTextConfig config_;
  Compute compute_;
  at::Tensor words_;        ///< [vocabulary, width]
  at::Tensor positions_;    ///< [max_tokens, width]
  at::Tensor token_types_;  ///< [types, width]; all tokens have type 0; undefined: none
  LayerNorm norm_;
  Transformer transformer_;
  Linear head_;  ///< defined or not
};

}  // namespace

std::unique_ptr<TextTower> make_bert_text(WeightBinder& weights, const BertTextConfig& config, const Compute& compute) {
  return std::make_unique<BertTextTower>(weights, config, compute);
}

}  // namespace sightline::models
