// A model's folder, in Hugging Face's, OpenCLIP's or sentence-transformers' layout, read and checked completely before any tower is built from
// it.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "models/image/preprocess.h"
#include "models/model_folder/checkpoint.h"
#include "models/model_folder/model_card.h"
#include "models/model_folder/model_config.h"

namespace sightline::models {

/// The layout of a folder: its files and the names of its tensors.
enum class FolderLayout {
  hugging_face,           ///< config.json, preprocessor_config.json, model.safetensors
  open_clip,              ///< open_clip_config.json, open_clip_model.safetensors
  sentence_transformers,  ///< modules.json, config.json, model.safetensors, a folder per module
};

/// sentence-transformers' if is_sentence_transformers. OpenCLIP's if the folder has an open_clip_config.json, unless its weights are there with Hugging Face's names, too:
/// repositories such as laion/CLIP-ViT-... contain both. Reads only the headers of the weights.
FolderLayout layout_of(const std::filesystem::path& folder);

struct ModelFolder {
  std::filesystem::path path;
  FolderLayout layout = FolderLayout::hugging_face;
  ModelConfig config;
  std::optional<PreprocessConfig> preprocess;  ///< only with a vision tower
  Checkpoint checkpoint;                       ///< with Hugging Face's names, in every layout
  ModelCard card;
};

/// Removes the tensors of the tower that `choice` does not use; they are not read then. Towers::load requires the same
/// choice.
void drop_unused_tensors(Checkpoint& checkpoint, TowerChoice choice);

/// Reads the configuration of the model and of its preprocessing, the weights' headers and README.md, in this order.
/// Errors: those of the parts; each names its file.
Result<ModelFolder> read_model_folder(const std::filesystem::path& folder);

}  // namespace sightline::models
