// SigLIP's tokenizer: SentencePiece over canonical text.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "models/tokenizer/tokenizer.h"

namespace sightline::models {

/// Text without ASCII punctuation, each run of whitespace one space, none at the ends, as big_vision and
/// transformers' SiglipTokenizer make it. `text` is well-formed UTF-8.
std::string siglip_canonical(std::string_view text);

/// Reads spiece.model, and tokenizer_config.json if it exists. Errors: corrupt_data, unsupported (another tokenizer's
/// spiece.model, such as T5's), each naming file and place.
Result<std::unique_ptr<Tokenizer>> load_siglip_tokenizer(const std::filesystem::path& folder);

}  // namespace sightline::models
