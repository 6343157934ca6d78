// A unigram model in a tokenizer.json.
#pragma once

#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/tokenizer/sentence_piece_file.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

/// Reads the root of a tokenizer.json of T5's kind: a precompiled character map, marks of spaces, "</s>" after the text.
/// Errors, without the file's name: corrupt_data, unsupported (a part of the pipeline that is not T5's, named).
Result<SentencePieceFile> read_unigram_json(const rapidjson::Value& root);

/// A tokenizer.json of XLM-RoBERTa's kind.
struct XlmRobertaFiles {
  SentencePieceFile model;                     ///< all pieces are normal ones, also those of special tokens
  bool strips_end = false;                     ///< whitespace at the end of the mapped text is dropped
  std::optional<std::string> run_replacement;  ///< of two or more spaces; absent: they stay
  bool splits_at_whitespace = false;           ///< words are marked and encoded one by one; else spaces become marks
  std::vector<AddedToken> added;
  Frame frame;
};

/// Reads the root of a tokenizer.json whose pipeline is XLM-RoBERTa's: a precompiled character map, perhaps a split at
/// whitespace, a mark before each word, "<s>" before the text and "</s>" after it. Errors: as above.
Result<XlmRobertaFiles> read_xlm_roberta_json(const rapidjson::Value& root);

}  // namespace sightline::models
