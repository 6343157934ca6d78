// config.json of a Chinese-CLIP.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/model_folder/bert_config.h"
#include "models/model_folder/clip_config.h"

namespace sightline::models {

/// A BERT for texts, read at [CLS], and CLIP's tower for pictures, each with a projection.
struct ChineseClipConfig {
  std::uint32_t projection_dim = 0;  ///< floats per vector
  BertTextConfig text;
  ClipVisionConfig vision;
};

/// Reads a `config.json` of model_type chinese_clip as transformers' ChineseCLIPConfig does; missing keys take the
/// classes' defaults. The legacy `text_config_dict` and `vision_config_dict` replace `text_config` and `vision_config`.
/// Errors: unsupported, corrupt_data; each names file and key.
Result<ChineseClipConfig> read_chinese_clip_config(const JsonFile& config);

}  // namespace sightline::models
