// A unigram model in a tokenizer.json.
#pragma once

#include <rapidjson/document.h>

#include "base/result.h"
#include "models/tokenizer/sentence_piece_file.h"

namespace sightline::models {

/// Reads the root of a tokenizer.json of T5's kind: a precompiled character map, marks of spaces, "</s>" after the text.
/// Errors, without the file's name: corrupt_data, unsupported (a part of the pipeline that is not T5's, named).
Result<SentencePieceFile> read_unigram_json(const rapidjson::Value& root);

}  // namespace sightline::models
