#include "models/model_folder/hugging_face_folder.h"

#include <utility>

#include "models/files/json_file.h"
#include "models/model_folder/preprocessor_config.h"

namespace sightline::models {

Result<HuggingFaceFolder> read_hugging_face_folder(const std::filesystem::path& folder) {
  const Result<JsonFile> json = JsonFile::read(folder / "config.json");
  if (!json) {
    // A folder without config.json may be of another kind: report the kind if it can be detected.
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder);
    return !checkpoint && json.error().code == ErrorCode::not_found ? checkpoint.error() : json.error();
  }
  const Result<ModelConfig> config = read_model_config(*json);
  if (!config) return config.error();

  HuggingFaceFolder read{folder, *config, {}, {}, {}};
  if (const auto image_size = shape_of(*config).image_size) {
    const Result<PreprocessConfig> preprocess = read_preprocessor_config(folder, *image_size);
    if (!preprocess) return preprocess.error();
    read.preprocess = *preprocess;
  }
  Result<Checkpoint> checkpoint = Checkpoint::open(folder);
  if (!checkpoint) return checkpoint.error();
  read.checkpoint = std::move(*checkpoint);
  read.card = read_model_card(folder);
  return read;
}

}  // namespace sightline::models
