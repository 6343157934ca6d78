// Reads and checks what the files of all tokenizers have in common.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <rapidjson/document.h>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/tokenizer/tokenizer.h"

namespace sightline::models {

/// Tokens to ids.
using Vocabulary = std::unordered_map<std::string, std::int32_t>;

/// A token with its own id that is cut out of the text before anything else.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool normalized = true;    ///< searched in normalised text (so in upper or lower case), else in the original text
  bool strips_left = false;  ///< whitespace before it is dropped
};

/// The tokens around every text.
struct Frame {
  std::optional<std::int32_t> begin_id;  ///< BOS, [CLS]; absent: no token before
  std::int32_t end_id = 0;               ///< EOS, [SEP]
};

struct SpecialTokens {
  std::vector<AddedToken> added;
  Frame frame;

  /// One more than the largest id in use.
  std::size_t vocabulary_size(const Vocabulary& vocabulary) const;
};

/// No tokenizer file is larger: with 256,000 tokens a file has 35 MB.
inline constexpr std::size_t k_max_tokenizer_bytes = 256u << 20;

/// An id within the supported range, or nullopt. The limit prevents absurdly large tables from a damaged file.
std::optional<std::int32_t> as_token_id(const rapidjson::Value& value);

// Parts of tokenizer.json. Errors are without the file's name.

/// unsupported: "WHAT; only ... tokenizers are read".
Error unsupported_tokenizer(const std::string& what);

/// The part's "type" in quotes, or "nothing".
std::string type_of(const rapidjson::Value* part);

/// model.vocab, an object of ids. Errors: corrupt_data.
Result<Vocabulary> read_json_vocabulary(const rapidjson::Value& model);

/// The tokens around a family's texts.
enum class Framing { both_ends, end_only };

/// added_tokens. Errors: corrupt_data, unsupported.
Result<std::vector<AddedToken>> read_added_tokens(const rapidjson::Value& root);

/// post_processor, as a template or, for both ends, as RobertaProcessing or BertProcessing. Errors:
/// corrupt_data, unsupported.
Result<Frame> read_frame(const rapidjson::Value& root, Framing framing);

/// added_tokens and post_processor, for a family with tokens at both ends.
Result<SpecialTokens> read_special_tokens(const rapidjson::Value& root);

// Files beside vocab.json and vocab.txt.

/// tokenizer_config.json, then special_tokens_map.json, if they exist. Errors: those of JsonFile::read; unsupported
/// (truncation_side "left").
Result<std::vector<JsonFile>> read_settings(const std::filesystem::path& folder);

/// A special token that every tokenizer of a family has.
struct UsualToken {
  const char* name = "";  ///< in the settings, which may give another text
  const char* text = "";
  bool normalized = false;  ///< where the settings do not say
};

/// The ids of the first `usual` tokens, one for each of `ids`, by the texts that the settings give them. `file`: the
/// vocabulary's. Errors: corrupt_data (a token is not in the vocabulary).
Status find_usual_tokens(const std::filesystem::path& file, const std::vector<JsonFile>& settings,
                         const Vocabulary& vocabulary, std::span<const UsualToken> usual,
                         std::span<std::int32_t* const> ids);

/// The tokens that transformers cuts out of texts, of a folder without tokenizer.json: those of added_tokens_decoder in
/// tokenizer_config.json or else of added_tokens.json, then the `usual` ones that are in the vocabulary, then the other
/// special tokens that the settings state (pad_token and the like; additional_special_tokens). Errors: corrupt_data (a
/// token without an id, or with another one than in `vocabulary`), unsupported, each naming its file.
Result<std::vector<AddedToken>> read_listed_tokens(const std::filesystem::path& folder,
                                                   const std::vector<JsonFile>& settings, const Vocabulary& vocabulary,
                                                   std::span<const UsualToken> usual);

/// Adds the special tokens of the vocabulary that the settings state and tokenizer.json does not list in `added`:
/// transformers cuts them out of texts, too. Errors: corrupt_data, unsupported, without tokenizer.json's name.
Status add_named_tokens(const std::vector<JsonFile>& settings, const Vocabulary& vocabulary,
                        std::vector<AddedToken>& added);

/// A special token's text: written as itself or as {"content": ...}.
std::string special_token(const std::vector<JsonFile>& settings, const char* name, const char* absent);

/// padding_side of the settings, right without one. Errors: corrupt_data (another word).
Result<Padding::Side> read_padding_side(const std::vector<JsonFile>& settings);

/// Names of a special token in the settings, and the id that tokenizer.json puts around texts for it.
struct FrameToken {
  const char* name = "";
  std::int32_t id = 0;
};

/// transformers puts the special tokens of tokenizer_config.json around texts: if tokenizer.json puts others there, the
/// files contradict each other. Only what the settings state is compared. `id_of` gives the id of a token's text, if it
/// has one. Errors: corrupt_data.
Status check_frame(const std::vector<JsonFile>& settings, const std::vector<FrameToken>& tokens,
                   const std::function<std::optional<std::int32_t>(const std::string&)>& id_of);
/// The same, for tokens of a vocabulary.
Status check_frame(const std::vector<JsonFile>& settings, const std::vector<FrameToken>& tokens,
                   const Vocabulary& vocabulary, const std::vector<AddedToken>& added);

/// tokenizer.json may say where texts are cut, too, if tokenizer_config.json does not. Errors: unsupported.
Status check_truncation(const rapidjson::Value& root, const std::vector<JsonFile>& settings);

}  // namespace sightline::models
