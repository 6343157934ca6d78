// A Hugging Face folder of a model, read and checked completely before any tower is built from it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "base/result.h"
#include "models/image/preprocess.h"
#include "models/model_folder/checkpoint.h"
#include "models/model_folder/model_card.h"
#include "models/model_folder/model_config.h"

namespace sightline::models {

struct HuggingFaceFolder {
  std::filesystem::path path;
  ModelConfig config;
  std::optional<PreprocessConfig> preprocess;  ///< only with a vision tower
  Checkpoint checkpoint;
  ModelCard card;
};

/// Reads config.json, preprocessor_config.json, the weights' headers and README.md, in this order.
/// Errors: those of the parts; each names its file.
Result<HuggingFaceFolder> read_hugging_face_folder(const std::filesystem::path& folder);

}  // namespace sightline::models
