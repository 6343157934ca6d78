// What a Hugging Face folder says about its tokenizer, read and checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/tokenizer/byte_pairs.h"

namespace sightline::models {

/// A token that is cut out of the text before anything else and has an id of its own.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool normalized =
      true;  ///< looked for in normalised text (so in any case of letters), else in the text as it came
};

/// CLIP's tokenizer, whichever files it came from.
struct TokenizerFiles {
  Vocabulary vocabulary;
  Merges merges;
  std::vector<AddedToken> added_tokens;
  std::int32_t begin_id = 0;  ///< BOS
  std::int32_t end_id = 0;    ///< EOS
  std::int32_t unknown_id = BytePairs::k_no_unknown;
};

/// No file of a tokenizer is larger: those of vocabularies of 256,000 tokens have 35 MB.
inline constexpr std::size_t k_max_tokenizer_bytes = 256u << 20;

/// An id that a vocabulary may hold, or nullopt. Bounded so that a damaged file cannot ask for absurd tables.
std::optional<std::int32_t> as_token_id(const rapidjson::Value& value);

/// Reads tokenizer.json. Errors: not_found, too_large, corrupt_data (what it lacks or contradicts),
/// unsupported (a part of the pipeline that is not CLIP's, named).
Result<TokenizerFiles> read_tokenizer_json(const std::filesystem::path& file);

/// Reads vocab.json and merges.txt, and the special tokens from tokenizer_config.json and
/// special_tokens_map.json where they are. Errors: those of
/// read_tokenizer_json.
Result<TokenizerFiles> read_vocabulary_files(const std::filesystem::path& folder);

inline constexpr const char* k_end_of_word = "</w>";

}  // namespace sightline::models
