// open_clip_config.json: a model and its preprocessing in OpenCLIP's terms.
#pragma once

#include <cstdint>
#include <variant>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/image/preprocess.h"
#include "models/model_folder/clip_config.h"
#include "models/model_folder/jina_clip_config.h"
#include "models/model_folder/siglip_config.h"

namespace sightline::models {

inline constexpr const char* k_open_clip_config_file = "open_clip_config.json";

/// The two towers may be of different families: EVA02-CLIP has EVA's for pictures and CLIP's for texts.
struct OpenClipConfig {
  std::uint32_t dims = 0;  ///< embed_dim: floats per vector
  std::variant<ClipTextConfig, SiglipTextConfig> text;
  std::variant<ClipVisionConfig, SiglipVisionConfig, EvaVisionConfig> vision;
  bool custom_text = false;     ///< tensors of the text tower are named "text...."
  bool has_logit_bias = false;  ///< init_logit_bias is given

  std::uint32_t image_size() const {
    return std::visit([](const auto& tower) { return tower.grid.image_size; }, vision);
  }
};

/// Reads `model_cfg` as OpenCLIP 3.3 does: absent keys have the defaults of its CLIPVisionCfg and CLIPTextCfg, and a
/// timm_model_name replaces the sizes of the vision tower. Supported are
/// - OpenCLIP's ViT, with GELU or QuickGELU,
/// - timm's SigLIP towers (vit_..._siglip_...) with attention pooling,
/// - timm's EVA02-CLIP towers (eva02_base_patch16_clip_224 and eva02_large_patch14_clip_224 and _336),
/// - OpenCLIP's text transformer, causal and read at the end token, or without a mask and read at the last position.
///
/// Every other key or value that changes the arithmetic is refused by name, and so is a key that OpenCLIP does not
/// have. Keys that matter only for training are ignored. Errors: unsupported, corrupt_data; each names file and key.
Result<OpenClipConfig> read_open_clip_config(const JsonFile& config);

/// Reads `preprocess_cfg` as OpenCLIP's image_transform does for inference. Absent, or without a key, it has OpenCLIP's
/// defaults: shortest edge, bicubic, OpenAI's mean and standard deviation. Its `size` is checked but not used: as in
/// OpenCLIP, the model's `image_size` decides. Errors: as above.
Result<PreprocessConfig> read_open_clip_preprocess(const JsonFile& config, std::uint32_t image_size);

}  // namespace sightline::models
