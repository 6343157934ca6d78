#include "models/model_folder/siglip_config.h"

#include <string>

namespace sightline::models {
namespace {

constexpr TransformerConfig k_defaults{768, 12, 12, 3072, 1e-6, Activation::gelu_tanh};

Result<SiglipTextConfig> read_text(const rapidjson::Value* object, const std::string& place) {
  ObjectReader reader(object, place);
  SiglipTextConfig config;
  config.transformer = read_transformer(reader, k_defaults);
  config.vocabulary_size = reader.integer("vocab_size", 32'000, 1, k_max_vocabulary);
  config.tokens = reader.integer("max_position_embeddings", 64, 2, k_max_tokens);
  config.dims = reader.integer("projection_size", config.transformer.width, 1, k_max_width);
  if (!reader.status()) return reader.status().error();
  return config;
}

Result<SiglipVisionConfig> read_vision(const rapidjson::Value* object, const std::string& place) {
  ObjectReader reader(object, place);
  SiglipVisionConfig config;
  config.transformer = read_transformer(reader, k_defaults);
  config.grid = read_patch_grid(reader, {224, 16});
  if (!reader.boolean("vision_use_head", true)) {
    reader.refuse("vision_use_head", ErrorCode::unsupported,
                  "is false; without the attention-pooling head a picture has no vector");
  }
  if (!reader.status()) return reader.status().error();
  return config;
}

}  // namespace

Result<SiglipConfig> read_siglip_config(const JsonFile& config) {
  const std::string file = config.path().string(), top = file + ": top level";
  const std::string_view model_type = text_member(config.root(), "model_type");
  const bool is_whole = model_type == "siglip";
  SiglipConfig siglip;
  if (is_whole || model_type == "siglip_text_model") {
    Result<SiglipTextConfig> text = is_whole
                                        ? read_text(given_member(config.root(), "text_config"), file + ": text_config")
                                        : read_text(&config.root(), top);
    if (!text) return text.error();
    siglip.text = *text;
    siglip.dims = text->dims;
  }
  if (is_whole || model_type == "siglip_vision_model") {
    Result<SiglipVisionConfig> vision =
        is_whole ? read_vision(given_member(config.root(), "vision_config"), file + ": vision_config")
                 : read_vision(&config.root(), top);
    if (!vision) return vision.error();
    siglip.vision = *vision;
    if (siglip.text && siglip.dims != vision->transformer.width) {
      return Error{ErrorCode::corrupt_data, file + ": text_config.projection_size is " + std::to_string(siglip.dims) +
                                                ", but vectors of pictures have length " +
                                                std::to_string(vision->transformer.width) +
                                                ", vision_config.hidden_size"};
    }
    siglip.dims = vision->transformer.width;
  }
  return siglip;
}

}  // namespace sightline::models
