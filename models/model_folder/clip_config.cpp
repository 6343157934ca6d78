#include "models/model_folder/clip_config.h"

namespace sightline::models {
namespace {

/// The value of files whose eos_token_id must be ignored.
constexpr std::uint32_t k_legacy_eos_token_id = 2;

constexpr TransformerConfig k_text_defaults{512, 8, 12, 2048, 1e-5, Activation::quick_gelu};
constexpr TransformerConfig k_vision_defaults{768, 12, 12, 3072, 1e-5, Activation::quick_gelu};

Result<ClipTextConfig> read_text(const rapidjson::Value* object, const std::string& place) {
  ObjectReader reader(object, place);
  ClipTextConfig config;
  config.transformer = read_transformer(reader, k_text_defaults);
  config.vocabulary_size = reader.integer("vocab_size", 49'408, 1, k_max_vocabulary);
  config.max_tokens = reader.integer("max_position_embeddings", 77, 2, k_max_tokens);
  const std::uint32_t eos = reader.integer("eos_token_id", 49'407, 0, k_max_vocabulary);
  if (eos != k_legacy_eos_token_id) {
    if (eos >= config.vocabulary_size) {
      reader.refuse("eos_token_id", ErrorCode::corrupt_data,
                    "is " + std::to_string(eos) + ", not below vocab_size " + std::to_string(config.vocabulary_size));
    }
    config.eos_token_id = static_cast<std::int32_t>(eos);
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

}  // namespace

ConfigPart find_config_part(const JsonFile& config, const std::string& key) {
  const std::string legacy = key + "_dict";
  const rapidjson::Value* object = given_member(config.root(), legacy.c_str());
  if (object != nullptr) return {object, config.path().string() + ": " + legacy};
  return {given_member(config.root(), key.c_str()), config.path().string() + ": " + key};
}

Result<ClipVisionConfig> read_clip_vision_config(const ConfigPart& part) {
  ObjectReader reader(part.object, part.place);
  ClipVisionConfig config;
  config.transformer = read_transformer(reader, k_vision_defaults);
  config.grid = read_patch_grid(reader, {224, 32});
  if (!reader.status()) return reader.status().error();
  return config;
}

Result<ClipConfig> read_clip_config(const JsonFile& config) {
  const std::string file = config.path().string();
  ObjectReader reader(&config.root(), file + ": top level");
  ClipConfig clip;
  const std::string model_type = reader.string("model_type", "");
  clip.projection_dim = reader.integer("projection_dim", 512, 1, k_max_width);
  if (!reader.status()) return reader.status().error();

  bool wants_text = true, wants_vision = true;
  ConfigPart text{&config.root(), file + ": top level"}, vision = text;
  if (model_type == "clip") {
    text = find_config_part(config, "text_config");
    vision = find_config_part(config, "vision_config");
    wants_vision = !has_architecture(config.root(), "CLIPTextModelWithProjection");
    wants_text = !has_architecture(config.root(), "CLIPVisionModelWithProjection");
  } else if (model_type == "clip_text_model") {
    wants_vision = false;
  } else {  // clip_vision_model
    wants_text = false;
  }
  if (wants_text) {
    Result<ClipTextConfig> read = read_text(text.object, text.place);
    if (!read) return read.error();
    clip.text = *read;
  }
  if (wants_vision) {
    Result<ClipVisionConfig> read = read_clip_vision_config(vision);
    if (!read) return read.error();
    clip.vision = *read;
  }
  return clip;
}

}  // namespace sightline::models
