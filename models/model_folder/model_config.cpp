#include "models/model_folder/model_config.h"

#include <string>

namespace sightline::models {
namespace {

TextInput text_input(const ClipTextConfig& text) {
  return {text.vocabulary_size, text.max_tokens, text.max_tokens, false};
}

TextInput text_input(const SiglipTextConfig& text) {
  return {text.vocabulary_size, text.tokens, text.tokens, true};
}

ModelShape shape(const ClipConfig& config) {
  ModelShape shape{"clip", config.projection_dim, {}, {}};
  if (config.text) shape.text = text_input(*config.text);
  if (config.vision) shape.image_size = config.vision->grid.image_size;
  return shape;
}

ModelShape shape(const JinaClipConfig& config) {
  const std::uint32_t words = std::visit([](const auto& text) { return text.vocabulary_size; }, config.text);
  const bool is_2 = config.is_version_2();
  std::optional<std::array<std::int32_t, 2>> frame;
  if (is_2) frame = {0, 2};  // XLM-RoBERTa's <s> and </s>
  return {is_2 ? "jina-clip-v2" : "jina-clip",
          config.dims,
          TextInput{words, k_jina_usual_tokens, k_jina_max_tokens, false, frame},
          config.vision.grid.image_size,
          config.matryoshka_dims,
          is_2 ? "cc-by-nc-4.0" : ""};
}

ModelShape shape(const SiglipConfig& config) {
  ModelShape shape{"siglip", config.dims, {}, {}};
  if (config.text) shape.text = text_input(*config.text);
  if (config.vision) shape.image_size = config.vision->grid.image_size;
  return shape;
}

ModelShape shape(const OpenClipConfig& config) {
  constexpr const char* k_names[] = {"clip", "siglip", "eva-clip"};  // in the order of the variant of vision towers
  return {k_names[config.vision.index()], config.dims,
          std::visit([](const auto& text) { return text_input(text); }, config.text), config.image_size()};
}

TextInput text_input(const BertTextConfig& text) {
  return {text.encoder.vocabulary_size, text.usual_tokens, text.encoder.max_tokens, false};
}

ModelShape shape(const SentenceTransformersConfig& config) {
  const bool is_bert = config.text.encoder.kind == BertConfig::Kind::bert;
  return {is_bert ? "bert" : "distilbert", config.text.dims(), text_input(config.text), {}};
}

ModelShape shape(const ChineseClipConfig& config) {
  return {"chinese-clip", config.projection_dim, text_input(config.text), config.vision.grid.image_size};
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
  if (model_type == "siglip" || model_type == "siglip_text_model" || model_type == "siglip_vision_model") {
    return any(read_siglip_config(config));
  }
  if (model_type == "siglip2") {
    return Error{ErrorCode::unsupported,
                 file +
                     ": model_type is \"siglip2\", SigLIP2 NaFlex, which would need patch grids of any shape, "
                     "masks and positions resized for each picture; use a SigLIP2 of fixed resolution, such as "
                     "google/siglip2-base-patch16-224, whose model_type is siglip"};
  }
  if (model_type == "chinese_clip") return any(read_chinese_clip_config(config));
  if (model_type == "bert" || model_type == "distilbert") {
    return Error{ErrorCode::unsupported,
                 file + ": model_type is \"" + model_type + "\", a text tower of sentence-transformers, but " +
                     k_modules_file +
                     " beside it is missing: download the whole repository again, with its folders (1_Pooling, ...), "
                     "with `huggingface-cli download`"};
  }
  return Error{
      ErrorCode::unsupported,
      file + ": model_type is \"" + model_type +
          "\"; clip, siglip (and the halves of both, such as clip_text_model and siglip_vision_model), "
          "chinese_clip and jina_clip are supported, and bert and distilbert as text towers of sentence-transformers"};
}

ModelShape shape_of(const ModelConfig& config) {
  return std::visit([](const auto& family) { return shape(family); }, config);
}

}  // namespace sightline::models
