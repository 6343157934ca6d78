#include "models/model_folder/jina_clip_config.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "models/model_folder/required_values.h"

namespace sightline::models {
namespace {

constexpr TransformerConfig k_text_defaults{768, 12, 12, 3072, 1e-12, Activation::gelu};

constexpr const char* k_version_1 = "jina-clip-v1";

/// The lengths of jina-clip-v2's vectors.
constexpr std::array<std::uint32_t, 7> k_matryoshka_dims{32, 64, 128, 256, 512, 768, 1024};

enum class Version { one, two };

/// Both versions have the same model_type; their text towers distinguish them.
Version read_version(ObjectReader& reader) {
  const std::string name = reader.string("hf_model_name_or_path", "jinaai/jina-bert-flash-implementation");
  if (name.find("jina-bert") != std::string::npos) return Version::one;
  if (name.find("jina-embeddings-v3") != std::string::npos) return Version::two;
  reader.refuse("hf_model_name_or_path", ErrorCode::unsupported,
                "is \"" + name +
                    "\"; the text towers of jina-clip-v1, a jina-bert, and of jina-clip-v2, jina-embeddings-v3, are "
                    "supported");
  return Version::one;
}

/// The sizes, which hf_model_config_kwargs may override.
void read_text_sizes(ObjectReader& reader, JinaTextConfig& config) {
  config.transformer = read_transformer(reader, config.transformer);
  config.vocabulary_size = reader.integer("vocab_size", config.vocabulary_size, 1, k_max_vocabulary);
  config.token_types = reader.integer("type_vocab_size", config.token_types, 1, 1024);
  RequiredValues required(reader, k_version_1);
  required.string("mlp_type", "glu");
  required.string("position_embedding_type", "alibi");
  required.boolean("use_qk_norm", false);
  required.integer("pad_token_id", 0);
}

Result<JinaTextConfig> read_jina_text(const rapidjson::Value* object, const std::string& place) {
  ObjectReader reader(object, place);
  JinaTextConfig config{k_text_defaults, 30'528, 2};
  RequiredValues(reader, k_version_1).absent("default_lora_task");
  read_text_sizes(reader, config);
  if (!reader.status()) return reader.status().error();
  ObjectReader overrides(reader.member("hf_model_config_kwargs"), place + ".hf_model_config_kwargs");
  read_text_sizes(overrides, config);
  if (!overrides.status()) return overrides.status().error();
  return config;
}

/// The text tower of either version.
Status read_text(const rapidjson::Value* object, const std::string& place, JinaClipConfig& config) {
  ObjectReader reader(object, place);
  const Version version = read_version(reader);
  RequiredValues required(reader, version == Version::one ? k_version_1 : "jina-clip-v2");
  required.string("pooler_type", "mean_pooler");
  required.absent("proj_type");
  required.absent("default_instruction_task");  // words before each text
  if (!reader.status()) return reader.status();
  std::uint32_t width = 0;
  if (version == Version::one) {
    const Result<JinaTextConfig> text = read_jina_text(object, place);
    if (!text) return text.error();
    config.text = *text;
    width = text->transformer.width;
  } else {
    const Result<XlmRobertaTextConfig> text = read_xlm_roberta_config(object, place);
    if (!text) return text.error();
    config.text = *text;
    width = text->transformer.width;
  }
  const std::uint32_t embed_dim = reader.integer("embed_dim", 768, 1, k_max_width);
  if (embed_dim != config.dims || width != config.dims) {
    reader.refuse("embed_dim", ErrorCode::corrupt_data,
                  "is " + std::to_string(embed_dim) + " and hidden_size " + std::to_string(width) +
                      "; without projections both must be " + std::to_string(config.dims) +
                      ", the top level's projection_dim");
  }
  return reader.status();
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
  constexpr std::uint32_t k_pairs = 4;  // two halves, for rows and columns, each of pairs
  check_rotary_heads(reader, "head_width", transformer, k_pairs);
  transformer.mlp_width = static_cast<std::uint32_t>(transformer.width * reader.number("mlp_ratio", 2.6667, 0.1, 4));
  transformer.layer_norm_eps = 1e-6;
  transformer.activation = Activation::silu;
  // x_attention and fused_layer_norm choose among kernels of the same mathematics, patch_dropout is for
  // training.
  RequiredValues required(reader, "jina-clip");
  for (const char* key : {"qkv_bias", "rope_embeddings", "subln", "naive_swiglu"}) required.boolean(key, true);
  required.boolean("post_norm", false);
  required.absent("ls_init_value");
  required.absent("proj_type");
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

/// matryoshka_dimensions. Only version 2 was trained for shorter vectors.
std::vector<std::uint32_t> read_matryoshka_dims(ObjectReader& reader, const JinaClipConfig& config) {
  std::vector<std::uint32_t> dims;
  const rapidjson::Value* list = reader.member("matryoshka_dimensions");
  if (list == nullptr) {
    if (!config.is_version_2()) return dims;
    std::copy_if(k_matryoshka_dims.begin(), k_matryoshka_dims.end(), std::back_inserter(dims),
                 [&](std::uint32_t size) { return size < config.dims; });
    dims.push_back(config.dims);
    return dims;
  }
  bool good = list->IsArray() && list->Size() >= 1 && list->Size() <= 100;
  for (rapidjson::SizeType i = 0; good && i < list->Size(); ++i) {
    good = (*list)[i].IsUint() && (*list)[i].GetUint() >= 1 && (*list)[i].GetUint() <= config.dims;
    if (good) dims.push_back((*list)[i].GetUint());
  }
  if (!good) {
    reader.refuse("matryoshka_dimensions", ErrorCode::corrupt_data,
                  "is not an array of numbers from 1 to " + std::to_string(config.dims) + ", projection_dim");
  }
  dims.push_back(config.dims);
  std::sort(dims.begin(), dims.end());
  dims.erase(std::unique(dims.begin(), dims.end()), dims.end());
  return dims;
}

}  // namespace

Result<JinaClipConfig> read_jina_clip_config(const JsonFile& json) {
  const std::string file = json.path().string();
  ObjectReader reader(&json.root(), file + ": top level");
  JinaClipConfig config;
  config.dims = reader.integer("projection_dim", 768, 1, k_max_width);
  RequiredValues required(reader, "jina-clip");
  required.boolean("add_projections", false);
  required.absent("truncate_dim");  // the length of vectors belongs to the request
  if (!reader.status()) return reader.status().error();
  if (Status text = read_text(reader.member("text_config"), file + ": text_config", config); !text) return text.error();
  const Result<EvaVisionConfig> vision =
      read_vision(reader.member("vision_config"), file + ": vision_config", config.dims);
  if (!vision) return vision.error();
  config.vision = *vision;
  config.matryoshka_dims = read_matryoshka_dims(reader, config);
  if (!reader.status()) return reader.status().error();
  return config;
}

}  // namespace sightline::models
