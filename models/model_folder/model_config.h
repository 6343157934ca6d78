// config.json of any model family that can be served.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/model_folder/clip_config.h"
#include "models/model_folder/jina_clip_config.h"
#include "models/model_folder/siglip_config.h"

namespace sightline::models {

using ModelConfig = std::variant<ClipConfig, JinaClipConfig, SiglipConfig>;

/// Reads config.json by its model_type. Errors: unsupported (another model_type, with what is known of it);
/// those of the family's own reader.
Result<ModelConfig> read_model_config(const JsonFile& config);

struct TextInput {
  std::uint32_t vocabulary_size = 0;
  std::uint32_t usual_tokens = 0;  ///< what a text is cut to unless more is asked for, BOS and EOS counted
  std::uint32_t max_tokens = 0;    ///< the most that can be asked for
  bool padded = false;             ///< every text has max_tokens ids, the rest of which is padding
};

/// What goes into a model and comes out of it, whatever is between.
struct ModelShape {
  const char* architecture = "";            ///< as in ModelInfo
  std::uint32_t dims = 0;                   ///< floats a vector
  std::optional<TextInput> text;            ///< absent: no text tower
  std::optional<std::uint32_t> image_size;  ///< edge of the window, pixels; absent: no vision tower
};

ModelShape shape_of(const ModelConfig& config);

}  // namespace sightline::models
