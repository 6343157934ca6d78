// Gemma's tokenizer as SigLIP2 uses it: BPE over characters, of lower-cased text.
#pragma once

#include <memory>
#include <rapidjson/document.h>
#include <vector>

#include "models/tokenizer/pair_merges.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

struct GemmaFiles {
  Vocabulary vocabulary;
  Merges merges;
  SpecialTokens specials;
  Padding padding;
};

/// Reads the root of a tokenizer.json, and the padding and the tokens around a text from `settings`
/// (tokenizer_config.json, which must be among them: only it has the padding side of SigLIP2). Errors,
/// without the file's name: corrupt_data, unsupported (a part of the pipeline that is not Gemma's,
/// named).
Result<GemmaFiles> read_gemma_json(const rapidjson::Value& root, const std::vector<JsonFile>& settings);

/// Lower-cases as transformers' Siglip2Tokenizer does: SigLIP2 was trained on lower-cased text. Errors:
/// corrupt_data, without a file's name.
Result<std::unique_ptr<Tokenizer>> make_gemma_tokenizer(const GemmaFiles& files);

}  // namespace sightline::models
