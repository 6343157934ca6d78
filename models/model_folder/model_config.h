// The configuration of any model family that can be served.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/model_folder/chinese_clip_config.h"
#include "models/model_folder/clip_config.h"
#include "models/model_folder/jina_clip_config.h"
#include "models/model_folder/open_clip_config.h"
#include "models/model_folder/sentence_transformers.h"
#include "models/model_folder/siglip_config.h"

namespace sightline::models {

using ModelConfig = std::variant<ClipConfig, JinaClipConfig, SiglipConfig, OpenClipConfig, SentenceTransformersConfig,
                                 ChineseClipConfig>;

/// Reads config.json by its model_type. Errors: unsupported (another model_type, with an explanation);
/// those of the family's reader.
Result<ModelConfig> read_model_config(const JsonFile& config);

struct TextInput {
  std::uint32_t vocabulary_size = 0;
  std::uint32_t usual_tokens = 0;  ///< default limit of a text, including BOS and EOS
  std::uint32_t max_tokens = 0;    ///< the highest limit that can be set
  bool padded = false;             ///< every text has max_tokens ids: short texts are padded
  /// The ids before and behind every text that the tower was made for; absent: any.
  std::optional<std::array<std::int32_t, 2>> frame{};
};

/// The towers of a model that are used.
enum class TowerChoice : std::uint8_t { both, texts, pictures };

/// The inputs and outputs of a model.
struct ModelShape {
  const char* architecture = "";            ///< as in ModelInfo
  std::uint32_t dims = 0;                   ///< floats per vector
  std::optional<TextInput> text;            ///< absent: no text tower
  std::optional<std::uint32_t> image_size;  ///< edge of the window, pixels; absent: no vision tower
  /// The lengths that vectors may have, ascending, `dims` last; empty: the model was not trained for others.
  std::vector<std::uint32_t> matryoshka_dims{};
  const char* license = "";  ///< of the published weights, if the model card does not say; empty: unknown
};

ModelShape shape_of(const ModelConfig& config);

}  // namespace sightline::models
