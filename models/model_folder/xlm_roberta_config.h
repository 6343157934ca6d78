// jina-clip-v2's text tower in its config.json.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/model_folder/transformer_config.h"

namespace sightline::models {

/// Low-rank changes of the weights (LoRA; E. Hu et al.), stored beside them: several sets, one of which is used.
struct AdapterConfig {
  std::uint32_t sets = 1;  ///< stored: one for each task
  std::uint32_t used = 0;  ///< number of the set that is added to the weights
  std::uint32_t rank = 4;
  double scale = 1;  ///< factor of the change: alpha / rank
};

/// XLM-RoBERTa as in jina-embeddings-v3: post-norm layers, rotary positions in half-split pairs, exact GELU, mean over
/// the tokens, and one adapter on all tables and products.
struct XlmRobertaTextConfig {
  TransformerConfig transformer;
  std::uint32_t vocabulary_size = 0;  ///< rows of the word table
  std::uint32_t token_types = 0;      ///< rows of the token-type table; the first is used
  double rotary_base = 20'000;
  AdapterConfig adapter;
};

/// Reads text_config of a jina-clip-v2. Sizes that the file does not have are those of jinaai/jina-embeddings-v3, to
/// which it refers; hf_model_config_kwargs overrides text_config. Errors, naming the key: corrupt_data; unsupported (no
/// adapter, another kind of position, an instruction before texts, ...).
Result<XlmRobertaTextConfig> read_xlm_roberta_config(const rapidjson::Value* text_config, const std::string& place);

}  // namespace sightline::models
