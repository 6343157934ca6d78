// XLM-RoBERTa's tokenizer, that of jina-clip-v2.
#pragma once

#include <memory>

#include "base/result.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/unigram_json.h"

namespace sightline::models {

/// Errors: corrupt_data (pieces or character map), without the file's name.
Result<std::unique_ptr<Tokenizer>> make_xlm_roberta_tokenizer(const XlmRobertaFiles& files);

}  // namespace sightline::models
