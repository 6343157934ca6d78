// config.json of a CLIP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/model_folder/transformer_config.h"

namespace sightline::models {

struct ClipTextConfig {
  TransformerConfig transformer;
  std::uint32_t vocabulary_size = 0;
  std::uint32_t max_tokens = 0;  ///< rows of the position table, including BOS and EOS
  /// The id whose first position is pooled; absent: the first position of the largest id (see read_clip_config).
  std::optional<std::int32_t> eos_token_id;
};

struct ClipVisionConfig {
  TransformerConfig transformer;
  PatchGrid grid;
  std::uint32_t tokens() const { return grid.patches() + 1; }
};

struct ClipConfig {
  std::uint32_t projection_dim = 0;        ///< floats per vector
  std::optional<ClipTextConfig> text;      ///< absent in a vision-only export
  std::optional<ClipVisionConfig> vision;  ///< absent in a text-only export
};

/// One tower's part of a two-tower config.json; the place is for messages.
struct ConfigPart {
  const rapidjson::Value* object;  ///< null: absent
  std::string place;
};

/// `key`, or the legacy `key`_dict, which has priority.
ConfigPart find_config_part(const JsonFile& config, const std::string& key);

/// Reads the sizes of CLIP's vision tower; the defaults are those of ViT-B/32. Errors: as below.
Result<ClipVisionConfig> read_clip_vision_config(const ConfigPart& part);

/// Reads a `config.json` of model_type clip, clip_text_model or clip_vision_model as transformers' CLIPConfig does:
/// - Missing keys take the classes' defaults, those of ViT-B/32; a legal file can omit almost everything.
/// - If the legacy `text_config_dict` (`vision_config_dict`) is given, it and the defaults replace `text_config`
///   (`vision_config`) completely.
/// - The top-level `projection_dim` decides the projections.
/// - `eos_token_id` 2 is the wrong value of the first published files. It means that the largest id is pooled, which is
///   EOS in CLIP's own vocabulary. Any other value is the id of EOS itself.
/// - A single tower is read by its own model_type, or by CLIPTextModelWithProjection or CLIPVisionModelWithProjection
///   in `architectures`.
///
/// All sizes are checked against limits before memory is allocated for them. Errors: unsupported (another activation or
/// number of channels), corrupt_data; each names file and key.
Result<ClipConfig> read_clip_config(const JsonFile& config);

}  // namespace sightline::models
