// config.json of a SigLIP, or of a SigLIP2 of fixed resolution.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/model_folder/transformer_config.h"

namespace sightline::models {

struct SiglipTextConfig {
  TransformerConfig transformer;
  std::uint32_t vocabulary_size = 0;
  std::uint32_t tokens = 0;  ///< of every text: shorter texts are padded, and the padding affects the vector
  std::uint32_t dims = 0;    ///< projection_size
};

struct SiglipVisionConfig {
  TransformerConfig transformer;  ///< its width is that of the vectors
  PatchGrid grid;
};

struct SiglipConfig {
  std::uint32_t dims = 0;                    ///< floats per vector
  std::optional<SiglipTextConfig> text;      ///< absent in a vision-only export
  std::optional<SiglipVisionConfig> vision;  ///< absent in a text-only export
};

/// Reads a `config.json` of model_type siglip, siglip_text_model or siglip_vision_model as transformers'
/// SiglipConfig does; missing keys take the classes' defaults, those of base-patch16-224. Errors: unsupported
/// (another activation or number of channels, no pooling head), corrupt_data; each names file and key.
Result<SiglipConfig> read_siglip_config(const JsonFile& config);

}  // namespace sightline::models
