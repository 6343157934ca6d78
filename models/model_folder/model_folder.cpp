#include "models/model_folder/model_folder.h"

#include <algorithm>
#include <utility>

#include "models/files/file.h"
#include "models/files/json_file.h"
#include "models/model_folder/open_clip_config.h"
#include "models/model_folder/open_clip_tensors.h"
#include "models/model_folder/preprocessor_config.h"
#include "models/model_folder/sentence_transformers.h"

namespace sightline::models {
namespace {

Result<ModelFolder> read_hugging_face_folder(const std::filesystem::path& folder) {
  const Result<JsonFile> json = JsonFile::read(folder / "config.json");
  if (!json) {
    // A folder without config.json may be of another kind: report the kind if it can be detected.
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder);
    return !checkpoint && json.error().code == ErrorCode::not_found ? checkpoint.error() : json.error();
  }
  const Result<ModelConfig> config = read_model_config(*json);
  if (!config) return config.error();

  ModelFolder read{folder, FolderLayout::hugging_face, *config, {}, {}, {}};
  if (const auto image_size = shape_of(*config).image_size) {
    const Result<PreprocessConfig> preprocess = read_preprocessor_config(folder, *image_size);
    if (!preprocess) return preprocess.error();
    read.preprocess = *preprocess;
  }
  Result<Checkpoint> checkpoint = Checkpoint::open(folder);
  if (!checkpoint) return checkpoint.error();
  read.checkpoint = std::move(*checkpoint);
  return read;
}

Result<ModelFolder> read_open_clip_folder(const std::filesystem::path& folder) {
  const Result<JsonFile> json = JsonFile::read(folder / k_open_clip_config_file);
  if (!json) return json.error();
  const Result<OpenClipConfig> config = read_open_clip_config(*json);
  if (!config) return config.error();
  const Result<PreprocessConfig> preprocess = read_open_clip_preprocess(*json, config->image_size());
  if (!preprocess) return preprocess.error();
  Result<Checkpoint> weights = open_clip_weights(folder);
  if (!weights) return weights.error();
  Result<Checkpoint> checkpoint = named_for_towers(*std::move(weights), *config);
  if (!checkpoint) return checkpoint.error();
  return ModelFolder{folder, FolderLayout::open_clip, *config, *preprocess, std::move(*checkpoint), {}};
}

Result<ModelFolder> read_sentence_transformers_folder(const std::filesystem::path& folder) {
  const Result<SentenceTransformersConfig> config = read_sentence_transformers(folder);
  if (!config) return config.error();
  Result<Checkpoint> checkpoint = sentence_transformers_weights(folder, *config);
  if (!checkpoint) return checkpoint.error();
  return ModelFolder{folder, FolderLayout::sentence_transformers, *config, {}, std::move(*checkpoint), {}};
}

Result<ModelFolder> read_folder(const std::filesystem::path& folder) {
  switch (layout_of(folder)) {
    case FolderLayout::hugging_face:
      return read_hugging_face_folder(folder);
    case FolderLayout::open_clip:
      return read_open_clip_folder(folder);
    case FolderLayout::sentence_transformers:
      return read_sentence_transformers_folder(folder);
  }
  return read_hugging_face_folder(folder);
}

}  // namespace

FolderLayout layout_of(const std::filesystem::path& folder) {
  if (is_sentence_transformers(folder)) return FolderLayout::sentence_transformers;
  if (!is_there(folder / k_open_clip_config_file)) return FolderLayout::hugging_face;
  if (!is_there(folder / "config.json")) return FolderLayout::open_clip;
  const Result<Checkpoint> checkpoint = Checkpoint::open(folder);
  // Damaged weights with Hugging Face's names are reported, not replaced by OpenCLIP's.
  const bool has_weights = is_there(folder / "model.safetensors") || is_there(folder / "model.safetensors.index.json");
  if (!checkpoint.ok() && has_weights && checkpoint.error().code != ErrorCode::unsupported)
    return FolderLayout::hugging_face;
  const bool has_its_names =
      checkpoint.ok() &&
      std::any_of(checkpoint->tensors().begin(), checkpoint->tensors().end(), [](const auto& tensor) {
        return tensor.first.starts_with("text_model.") || tensor.first.starts_with("vision_model.");
      });
  return has_its_names ? FolderLayout::hugging_face : FolderLayout::open_clip;
}

void drop_unused_tensors(Checkpoint& checkpoint, TowerChoice choice) {
  // The names of all families: text_model..., text_projection..., vision_model..., visual_projection...
  if (choice == TowerChoice::pictures) checkpoint.drop("text_");
  if (choice == TowerChoice::texts) {
    for (const char* beginning : {"vision_", "visual_", "logit_"}) checkpoint.drop(beginning);
  }
}

Result<ModelFolder> read_model_folder(const std::filesystem::path& folder) {
  Result<ModelFolder> read = read_folder(folder);
  if (read) read->card = read_model_card(folder);
  return read;
}

}  // namespace sightline::models
