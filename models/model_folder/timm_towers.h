// The vision towers of timm that OpenCLIP's configurations refer to by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "models/model_folder/jina_clip_config.h"
#include "models/model_folder/siglip_config.h"

namespace sightline::models {

using TimmTower = std::variant<SiglipVisionConfig, EvaVisionConfig>;

/// The sizes and the arithmetic that timm 1.0 has under this name (vision_transformer.py, eva.py), without a head;
/// nullopt: not supported.
///
/// The activation differs: timm's older SigLIP towers, those of SigLIP 1 and SigLIP2's of the same size
/// among them, have the exact GELU, where transformers has its tanh approximation for the same weights.
std::optional<TimmTower> timm_tower(std::string_view name);

/// The names of all supported towers, for messages.
std::string timm_tower_names();

}  // namespace sightline::models
