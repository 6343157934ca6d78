#include "models/model_folder/jina_clip_config.h"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace sightline::models {
namespace {

constexpr TransformerConfig k_text_defaults{768, 12, 12, 3072, 1e-12, Activation::gelu};

/// Keys with one supported value.
struct Flag {
  const char* key;
  bool value;
};

void require_flags(ObjectReader& reader, std::span<const Flag> flags) {
  for (const auto& [key, value] : flags) {
    if (reader.boolean(key, value) == value) continue;
    reader.refuse(key, ErrorCode::unsupported,
                  std::string("is ") + (value ? "false" : "true") + "; jina-clip-v1 has " + (value ? "true" : "false") +
                      ", the only value supported");
  }
}

void require_string(ObjectReader& reader, const char* key, std::string_view value) {
  const std::string given = reader.string(key, value);
  if (given == value) return;
  reader.refuse(key, ErrorCode::unsupported,
                "is \"" + given + "\"; jina-clip-v1 has \"" + std::string(value) + "\", the only value supported");
}

void require_absent(ObjectReader& reader, const char* key) {
  if (reader.member(key) == nullptr) return;
  reader.refuse(key, ErrorCode::unsupported, "is set; jina-clip-v1 has none, and none is supported");
}

/// jina-clip-v2 has the same model_type; its text tower distinguishes it.
void refuse_other_text_towers(ObjectReader& reader) {
  const std::string name = reader.string("hf_model_name_or_path", "jinaai/jina-bert-flash-implementation");
  if (name.find("jina-bert") != std::string::npos) return;
  reader.refuse("hf_model_name_or_path", ErrorCode::unsupported,
                "is \"" + name +
                    "\"; only jina-clip-v1's text tower, a jina-bert, is supported. jina-clip-v2 would need "
                    "the XLM-RoBERTa tower with rotary positions, its LoRA adapters and its SentencePiece "
                    "tokenizer, which are not supported; use jinaai/jina-clip-v1");
}

/// The sizes, which hf_model_config_kwargs may override.
void read_text_sizes(ObjectReader& reader, JinaTextConfig& config) {
  config.transformer = read_transformer(reader, config.transformer);
  config.vocabulary_size = reader.integer("vocab_size", config.vocabulary_size, 1, k_max_vocabulary);
  config.token_types = reader.integer("type_vocab_size", config.token_types, 1, 1024);
  require_string(reader, "mlp_type", "glu");
  require_string(reader, "position_embedding_type", "alibi");
  constexpr std::array k_flags{Flag{"use_qk_norm", false}};
  require_flags(reader, k_flags);
  if (reader.integer("pad_token_id", 0, 0, k_max_vocabulary) != 0) {
    reader.refuse("pad_token_id", ErrorCode::unsupported, "is not 0, the id that jina-clip-v1 excludes from the mean");
  }
}

Result<JinaTextConfig> read_text(const rapidjson::Value* object, const std::string& place, std::uint32_t dims) {
  ObjectReader reader(object, place);
  JinaTextConfig config{k_text_defaults, 30'528, 2};
  refuse_other_text_towers(reader);
  require_string(reader, "pooler_type", "mean_pooler");
  require_absent(reader, "proj_type");
  require_absent(reader, "default_lora_task");
  read_text_sizes(reader, config);
  if (!reader.status()) return reader.status().error();
  ObjectReader overrides(reader.member("hf_model_config_kwargs"), place + ".hf_model_config_kwargs");
  read_text_sizes(overrides, config);
  if (!overrides.status()) return overrides.status().error();
  if (const auto width = reader.integer("embed_dim", 768, 1, k_max_width);
      width != dims || config.transformer.width != dims) {
    reader.refuse("embed_dim", ErrorCode::corrupt_data,
                  "is " + std::to_string(width) + " and hidden_size " + std::to_string(config.transformer.width) +
                      "; without projections both must be " + std::to_string(dims) +
                      ", the top level's projection_dim");
  }
  if (!reader.status()) return reader.status().error();
  return config;
}

/// The distance of neighbouring patches in rotary positions: 1, or with `intp_freq` the grid of the first training
/// spread over this one.
double read_rotary_step(ObjectReader& reader, std::uint32_t grid_edge) {
  if (reader.boolean("intp_freq", false)) {
    return static_cast<double>(reader.integer("pt_hw_seq_len", 16, 1, 4096)) / grid_edge;
  }
  if (const auto edge = reader.integer("pt_hw_seq_len", grid_edge, 1, 4096); edge != grid_edge) {
    reader.refuse("pt_hw_seq_len", ErrorCode::corrupt_data,
                  "is " + std::to_string(edge) + ", but a picture has " + std::to_string(grid_edge) +
                      " patches per edge and intp_freq is false");
  }
  return 1;
}

Result<EvaVisionConfig> read_vision(const rapidjson::Value* object, const std::string& place, std::uint32_t dims) {
  ObjectReader reader(object, place);
  EvaVisionConfig config;
  config.grid = read_patch_grid(reader, {224, 16});
  TransformerConfig& transformer = config.transformer;
  transformer.width = reader.integer("width", 768, 1, k_max_width);
  transformer.layers = reader.integer("layers", 12, 1, k_max_layers);
  const std::uint32_t head_width = reader.integer("head_width", 64, 4, k_max_width);
  transformer.heads = transformer.width / head_width;
  check_heads(reader, "head_width", transformer.width, transformer.heads);
  // Two halves, for rows and columns, each of pairs.
  if (transformer.heads > 0 && transformer.width / transformer.heads % 4 != 0) {
    reader.refuse("head_width", ErrorCode::corrupt_data,
                  "is " + std::to_string(head_width) + "; the rotary embedding needs a multiple of 4");
  }
  transformer.mlp_width = static_cast<std::uint32_t>(transformer.width * reader.number("mlp_ratio", 2.6667, 0.1, 4));
  transformer.layer_norm_eps = 1e-6;
  transformer.activation = Activation::silu;
  // x_attention and fused_layer_norm choose among kernels of the same mathematics, patch_dropout is for
  // training.
  constexpr std::array k_flags{Flag{"qkv_bias", true}, Flag{"rope_embeddings", true}, Flag{"subln", true},
                               Flag{"naive_swiglu", true}, Flag{"post_norm", false}};
  require_flags(reader, k_flags);
  require_absent(reader, "ls_init_value");
  require_absent(reader, "proj_type");
  config.rotary_step = read_rotary_step(reader, config.grid.edge());
  const auto embed_dim = reader.integer("embed_dim", 768, 1, k_max_width);
  if (embed_dim != dims || transformer.width != dims) {
    reader.refuse("embed_dim", ErrorCode::corrupt_data,
                  "is " + std::to_string(embed_dim) + " and width " + std::to_string(transformer.width) +
                      "; without projections both must be " + std::to_string(dims) +
                      ", the top level's projection_dim");
  }
  if (!reader.status()) return reader.status().error();
  return config;
}

}  // namespace

Result<JinaClipConfig> read_jina_clip_config(const JsonFile& json) {
  const std::string file = json.path().string();
  ObjectReader reader(&json.root(), file + ": top level");
  JinaClipConfig config;
  config.dims = reader.integer("projection_dim", 768, 1, k_max_width);
  constexpr std::array k_flags{Flag{"add_projections", false}};
  require_flags(reader, k_flags);
  if (!reader.status()) return reader.status().error();
  const Result<JinaTextConfig> text = read_text(reader.member("text_config"), file + ": text_config", config.dims);
  if (!text) return text.error();
  const Result<EvaVisionConfig> vision =
      read_vision(reader.member("vision_config"), file + ": vision_config", config.dims);
  if (!vision) return vision.error();
  config.text = *text;
  config.vision = *vision;
  return config;
}

}  // namespace sightline::models
