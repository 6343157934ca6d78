#include "models/model_folder/chinese_clip_config.h"

#include <algorithm>
#include <string>

namespace sightline::models {
namespace {

/// The number of tokens in training; the position table has 512 rows.
constexpr std::uint32_t k_usual_tokens = 52;

}  // namespace

Result<ChineseClipConfig> read_chinese_clip_config(const JsonFile& json) {
  ObjectReader reader(&json.root(), json.path().string() + ": top level");
  ChineseClipConfig config;
  config.projection_dim = reader.integer("projection_dim", 512, 1, k_max_width);
  if (!reader.status()) return reader.status().error();

  const ConfigPart text = find_config_part(json, "text_config");
  ObjectReader text_reader(text.object, text.place);
  config.text.encoder = read_bert_config(text_reader, BertConfig::Kind::bert);
  if (!text_reader.status()) return text_reader.status().error();
  config.text.prefix = "text_model.";
  config.text.pooling = BertTextConfig::Pooling::first_token;
  config.text.head = {"text_projection", config.projection_dim, false};
  config.text.usual_tokens = std::min(k_usual_tokens, config.text.encoder.max_tokens);

  const Result<ClipVisionConfig> vision = read_clip_vision_config(find_config_part(json, "vision_config"));
  if (!vision) return vision.error();
  config.vision = *vision;
  return config;
}

}  // namespace sightline::models
