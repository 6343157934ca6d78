// Text towers in sentence-transformers' layout: a folder with modules.json and a folder per module.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/model_folder/bert_config.h"
#include "models/model_folder/checkpoint.h"

namespace sightline::models {

inline constexpr const char* k_modules_file = "modules.json";

/// A BERT or DistilBERT with the modules behind it: Pooling, and possibly Dense and Normalize.
struct SentenceTransformersConfig {
  BertTextConfig text;
  std::vector<std::string> files;  ///< that were read for this, relative to the folder
  std::string dense{};             ///< the folder of the Dense module, relative to the folder; empty: none
};

/// True for a folder with modules.json whose config.json is a BERT's or DistilBERT's. Other folders with a modules.json
/// (CLIP's, jina-clip's) have another layout beside it.
bool is_sentence_transformers(const std::filesystem::path& folder);

/// Reads modules.json, config.json, sentence_bert_config.json, config_sentence_transformers.json and the modules'
/// config.json as sentence-transformers does. Supported are
/// - one Transformer in the folder itself, a BERT or a DistilBERT,
/// - Pooling by mean or by the first token ("cls"),
/// - one Dense without activation (Identity), or none,
/// - Normalize at the end, or none: vectors are always normalised.
///
/// Everything else that changes the vectors is refused by name. Errors: not_found (a module's file, as in a download
/// that was not finished), unsupported, corrupt_data (files that contradict each other); each names file and key.
Result<SentenceTransformersConfig> read_sentence_transformers(const std::filesystem::path& folder);

/// The tensors of the encoder under their own names, and those of the Dense module after its folder's name:
/// "2_Dense/linear.weight". Errors: those of Checkpoint::open.
Result<Checkpoint> sentence_transformers_weights(const std::filesystem::path& folder,
                                                 const SentenceTransformersConfig& config);

}  // namespace sightline::models
