// CLIP's tokenizer: byte-level BPE.
#pragma once

#include <filesystem>
#include <memory>
#include <rapidjson/document.h>

#include "models/tokenizer/byte_pairs.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

/// The content of CLIP's tokenizer files, in either form.
struct BytePairFiles {
  Vocabulary vocabulary;
  Merges merges;
  SpecialTokens specials;
  std::int32_t unknown_id = BytePairs::k_no_unknown;
};

inline constexpr const char* k_end_of_word = "</w>";

/// Reads the root of a tokenizer.json. Errors, without the file's name: corrupt_data (missing or inconsistent parts),
/// unsupported (a part of the pipeline that is not CLIP's, named).
Result<BytePairFiles> read_byte_pair_json(const rapidjson::Value& root);

/// Reads vocab.json and merges.txt, and the special tokens from tokenizer_config.json and special_tokens_map.json if
/// they exist; with `listed_tokens` also the other tokens that these and added_tokens.json list. Errors: not_found,
/// too_large, corrupt_data, each naming its file.
Result<BytePairFiles> read_vocabulary_files(const std::filesystem::path& folder, bool listed_tokens);

/// Errors: corrupt_data, without a file's name.
Result<std::unique_ptr<Tokenizer>> make_clip_tokenizer(const BytePairFiles& files);

}  // namespace sightline::models
