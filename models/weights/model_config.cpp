#include "models/weights/model_config.h"

#include <string>

namespace sightline::models {
namespace {

ModelShape shape(const ClipConfig& config) {
  ModelShape shape{"clip", config.projection_dim, {}, {}};
  if (config.text) {
    shape.text = {config.text->vocabulary_size, config.text->max_tokens, config.text->max_tokens};
  }
  if (config.vision) shape.image_size = config.vision->grid.image_size;
  return shape;
}

ModelShape shape(const JinaClipConfig& config) {
  return {"jina-clip", config.dims,
          TextInput{config.text.vocabulary_size, k_jina_usual_tokens, k_jina_max_tokens},
          config.vision.grid.image_size};
}

template <class Config>
Result<ModelConfig> any(const Result<Config>& config) {
  if (!config) return config.error();
  return ModelConfig(*config);
}

}  // namespace

Result<ModelConfig> read_model_config(const JsonFile& config) {
  const std::string file = config.path().string();
  ObjectReader reader(&config.root(), file + ": top level");
  const std::string model_type = reader.string("model_type", "");
  if (!reader.status()) return reader.status().error();
  if (model_type == "clip" || model_type == "clip_text_model" || model_type == "clip_vision_model") {
    return any(read_clip_config(config));
  }
  if (model_type == "jina_clip") return any(read_jina_clip_config(config));
  return Error{ErrorCode::unsupported,
               file + ": model_type is \"" + model_type +
                   "\"; clip (and its halves clip_text_model, clip_vision_model) and jina_clip are read"};
}

ModelShape shape_of(const ModelConfig& config) {
  return std::visit([](const auto& family) { return shape(family); }, config);
}

}  // namespace sightline::models
