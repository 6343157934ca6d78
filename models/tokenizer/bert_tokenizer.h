// BERT's tokenizer: WordPiece.
#pragma once

#include <filesystem>
#include <memory>
#include <rapidjson/document.h>

#include "models/tokenizer/bert_words.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

/// The content of BERT's tokenizer files, in either form.
struct WordPieceFiles {
  Vocabulary vocabulary;
  SpecialTokens specials;
  std::int32_t unknown_id = 0;
  std::string continuing_prefix = "##";
  std::size_t max_word_letters = 100;  ///< longer words are unknown as a whole, in code points
  BertNormalizer normalizer;
};

/// Reads the root of a tokenizer.json; `settings` are the files beside it. Errors, without the file's name: corrupt_data
/// (the two contradict each other, too), unsupported (a part of the pipeline that is not BERT's, named).
Result<WordPieceFiles> read_word_piece_json(const rapidjson::Value& root, const std::vector<JsonFile>& settings);

/// Reads vocab.txt, one token per line, and the rest from tokenizer_config.json and special_tokens_map.json if they
/// exist. Errors: not_found (a file, or do_lower_case for a vocabulary with capital letters), too_large, corrupt_data,
/// each naming its file.
Result<WordPieceFiles> read_vocabulary_text(const std::filesystem::path& folder);

std::unique_ptr<Tokenizer> make_bert_tokenizer(const WordPieceFiles& files);

}  // namespace sightline::models
