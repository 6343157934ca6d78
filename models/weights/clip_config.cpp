#include "models/weights/clip_config.h"

namespace sightline::models {
namespace {

// Limits well above any published CLIP (ViT-bigG: width 1664, 48 layers, FFN 8192; 378 pixels).
constexpr std::uint32_t k_max_width = 16'384;
constexpr std::uint32_t k_max_mlp_width = 65'536;
constexpr std::uint32_t k_max_layers = 256;
constexpr std::uint32_t k_max_heads = 512;
constexpr std::uint32_t k_max_vocabulary = 2'000'000;
constexpr std::uint32_t k_max_tokens = 8'192;
constexpr std::uint32_t k_max_image_size = 2'048;
constexpr std::uint32_t k_max_vision_tokens = 16'385;

/// The value that marks the files whose eos_token_id is not to be believed.
constexpr std::uint32_t k_legacy_eos_token_id = 2;

struct TransformerDefaults {
  std::uint32_t width, heads, mlp_width;
};
constexpr TransformerDefaults k_text_defaults{512, 8, 2048};
constexpr TransformerDefaults k_vision_defaults{768, 12, 3072};

TransformerConfig read_transformer(ObjectReader& reader, const TransformerDefaults& defaults) {
  TransformerConfig config;
  config.width = reader.integer("hidden_size", defaults.width, 1, k_max_width);
  config.heads = reader.integer("num_attention_heads", defaults.heads, 1, k_max_heads);
  config.layers = reader.integer("num_hidden_layers", 12, 1, k_max_layers);
  config.mlp_width = reader.integer("intermediate_size", defaults.mlp_width, 1, k_max_mlp_width);
  config.layer_norm_eps = reader.number("layer_norm_eps", 1e-5, 1e-12, 1e-1);
  if (config.width % config.heads != 0) {
    reader.refuse("num_attention_heads", ErrorCode::corrupt_data,
                  "is " + std::to_string(config.heads) + ", which does not divide hidden_size " +
                      std::to_string(config.width));
  }
  const std::string activation = reader.string("hidden_act", "quick_gelu");
  if (activation == "gelu") {
    config.activation = Activation::gelu;
  } else if (activation != "quick_gelu") {
    reader.refuse("hidden_act", ErrorCode::unsupported,
                  "is \"" + activation + "\"; this program computes quick_gelu and gelu");
  }
  return config;
}

Result<ClipTextConfig> read_text(const rapidjson::Value* object, const std::string& place) {
  ObjectReader reader(object, place);
  ClipTextConfig config;
  config.transformer = read_transformer(reader, k_text_defaults);
  config.vocabulary_size = reader.integer("vocab_size", 49'408, 1, k_max_vocabulary);
  config.max_tokens = reader.integer("max_position_embeddings", 77, 2, k_max_tokens);
  const std::uint32_t eos = reader.integer("eos_token_id", 49'407, 0, k_max_vocabulary);
  if (eos != k_legacy_eos_token_id) {
    if (eos >= config.vocabulary_size) {
      reader.refuse(
          "eos_token_id", ErrorCode::corrupt_data,
          "is " + std::to_string(eos) + ", not below vocab_size " + std::to_string(config.vocabulary_size));
    }
    config.eos_token_id = static_cast<std::int32_t>(eos);
  }
  if (!reader.status()) return reader.status().error();
  return config;
}

Result<ClipVisionConfig> read_vision(const rapidjson::Value* object, const std::string& place) {
  ObjectReader reader(object, place);
  ClipVisionConfig config;
  config.transformer = read_transformer(reader, k_vision_defaults);
  config.image_size = reader.integer("image_size", 224, 1, k_max_image_size);
  config.patch_size = reader.integer("patch_size", 32, 1, k_max_image_size);
  if (config.patch_size > config.image_size) {
    reader.refuse("patch_size", ErrorCode::corrupt_data,
                  "is " + std::to_string(config.patch_size) + ", above image_size " +
                      std::to_string(config.image_size));
  } else if (config.tokens() > k_max_vision_tokens) {
    reader.refuse("patch_size", ErrorCode::unsupported,
                  "is " + std::to_string(config.patch_size) + ", which makes " +
                      std::to_string(config.tokens()) + " tokens of a picture; at most " +
                      std::to_string(k_max_vision_tokens) + " are allowed");
  }
  if (const auto channels = reader.integer("num_channels", 3, 1, 1024); channels != 3) {
    reader.refuse("num_channels", ErrorCode::unsupported,
                  "is " + std::to_string(channels) + "; pictures have 3");
  }
  if (!reader.status()) return reader.status().error();
  return config;
}

bool has_architecture(const rapidjson::Value& root, std::string_view name) {
  const rapidjson::Value* architectures = given_member(root, "architectures");
  if (architectures == nullptr || !architectures->IsArray()) return false;
  for (const rapidjson::Value& architecture : architectures->GetArray()) {
    if (architecture.IsString() && architecture.GetString() == name) return true;
  }
  return false;
}

/// The half of a two-tower config: the legacy spelling wins.
struct Half {
  const rapidjson::Value* object;
  std::string place;
};

Half find_half(const JsonFile& config, const std::string& key) {
  const std::string legacy = key + "_dict";
  const rapidjson::Value* object = given_member(config.root(), legacy.c_str());
  if (object != nullptr) return {object, config.path().string() + ": " + legacy};
  return {given_member(config.root(), key.c_str()), config.path().string() + ": " + key};
}

}  // namespace

Result<ClipConfig> read_clip_config(const JsonFile& config) {
  const std::string file = config.path().string();
  ObjectReader reader(&config.root(), file + ": top level");
  ClipConfig clip;
  const std::string model_type = reader.string("model_type", "");
  clip.projection_dim = reader.integer("projection_dim", 512, 1, k_max_width);
  if (!reader.status()) return reader.status().error();

  bool wants_text = true, wants_vision = true;
  Half text{&config.root(), file + ": top level"}, vision = text;
  if (model_type == "clip") {
    text = find_half(config, "text_config");
    vision = find_half(config, "vision_config");
    wants_vision = !has_architecture(config.root(), "CLIPTextModelWithProjection");
    wants_text = !has_architecture(config.root(), "CLIPVisionModelWithProjection");
  } else if (model_type == "clip_text_model") {
    wants_vision = false;
  } else if (model_type == "clip_vision_model") {
    wants_text = false;
  } else {
    return Error{ErrorCode::unsupported, file + ": model_type is \"" + model_type +
                                             "\"; clip, clip_text_model and clip_vision_model are read"};
  }
  if (wants_text) {
    Result<ClipTextConfig> read = read_text(text.object, text.place);
    if (!read) return read.error();
    clip.text = *read;
  }
  if (wants_vision) {
    Result<ClipVisionConfig> read = read_vision(vision.object, vision.place);
    if (!read) return read.error();
    clip.vision = *read;
  }
  return clip;
}

}  // namespace sightline::models
