#include "models/model_folder/bert_config.h"

namespace sightline::models {
namespace {

constexpr double k_layer_norm_eps = 1e-12;
constexpr TransformerConfig k_bert_defaults{768, 12, 12, 3072, k_layer_norm_eps, Activation::gelu};
constexpr std::uint32_t k_max_token_types = 1024;

void require_gelu(ObjectReader& reader, const char* key) {
  const std::string activation = reader.string(key, "gelu");
  if (activation == "gelu") return;
  reader.refuse(key, ErrorCode::unsupported, "is \"" + activation + "\"; only gelu is supported");
}

/// transformers' DistilBertConfig, whose LayerNorms have a fixed epsilon.
TransformerConfig read_distilbert_sizes(ObjectReader& reader) {
  TransformerConfig config{0, 0, 0, 0, k_layer_norm_eps, Activation::gelu};
  config.width = reader.integer("dim", 768, 1, k_max_width);
  config.heads = reader.integer("n_heads", 12, 1, k_max_heads);
  config.layers = reader.integer("n_layers", 6, 1, k_max_layers);
  config.mlp_width = reader.integer("hidden_dim", 3072, 1, k_max_mlp_width);
  check_heads(reader, "n_heads", config.width, config.heads);
  require_gelu(reader, "activation");
  return config;
}

TransformerConfig read_bert_sizes(ObjectReader& reader) {
  require_gelu(reader, "hidden_act");
  const std::string positions = reader.string("position_embedding_type", "absolute");
  if (positions != "absolute") {
    reader.refuse("position_embedding_type", ErrorCode::unsupported,
                  "is \"" + positions + "\"; only absolute is supported");
  }
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (reader.boolean(key, false)) reader.refuse(key, ErrorCode::unsupported, "is true; only encoders are supported");
  }
  return read_transformer(reader, k_bert_defaults);
}

}  // namespace

BertConfig read_bert_config(ObjectReader& reader, BertConfig::Kind kind) {
  const bool is_bert = kind == BertConfig::Kind::bert;
  BertConfig config;
  config.kind = kind;
  config.transformer = is_bert ? read_bert_sizes(reader) : read_distilbert_sizes(reader);
  config.vocabulary_size = reader.integer("vocab_size", 30'522, 1, k_max_vocabulary);
  config.max_tokens = reader.integer("max_position_embeddings", 512, 2, k_max_tokens);
  if (is_bert) config.token_types = reader.integer("type_vocab_size", 2, 1, k_max_token_types);
  return config;
}

}  // namespace sightline::models
