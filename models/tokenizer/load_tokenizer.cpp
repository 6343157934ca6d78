// Detects the tokenizer of a folder.
#include <string_view>
#include <utility>

#include "models/files/file.h"
#include "models/tokenizer/bert_tokenizer.h"
#include "models/tokenizer/clip_tokenizer.h"
#include "models/tokenizer/gemma_tokenizer.h"
#include "models/tokenizer/siglip_tokenizer.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/unicode.h"
#include "models/tokenizer/unigram_json.h"
#include "models/tokenizer/xlm_roberta_tokenizer.h"

namespace sightline::models {
namespace {

using Loaded = Result<std::unique_ptr<Tokenizer>>;

Loaded from_json(const rapidjson::Value& root, const std::filesystem::path& folder) {
  const rapidjson::Value* model = given_member(root, "model");
  const std::string type = type_of(model);
  if (type == "\"BPE\"" && bool_member(*model, "byte_fallback", false) &&
      text_member(*model, "end_of_word_suffix").empty()) {
    const Result<std::vector<JsonFile>> settings = read_settings(folder);
    if (!settings) return settings.error();
    const Result<GemmaFiles> files = read_gemma_json(root, *settings);
    return files ? make_gemma_tokenizer(*files) : files.error();
  }
  if (type == "\"BPE\"") {
    const Result<BytePairFiles> files = read_byte_pair_json(root);
    return files ? make_clip_tokenizer(*files) : files.error();
  }
  if (type == "\"WordPiece\"") {
    const Result<std::vector<JsonFile>> settings = read_settings(folder);
    if (!settings) return settings.error();
    const Result<WordPieceFiles> files = read_word_piece_json(root, *settings);
    return files ? Loaded(make_bert_tokenizer(*files)) : files.error();
  }
  if (type == "\"Unigram\"") {
    const Result<XlmRobertaFiles> files = read_xlm_roberta_json(root);
    Loaded loaded = files ? make_xlm_roberta_tokenizer(*files) : files.error();
    if (loaded) return loaded;
    return Error{loaded.error().code,
                 loaded.error().message + "; for a SigLIP, download spiece.model, which is supported"};
  }
  return unsupported_tokenizer("model.type is " + type + ", not \"BPE\", \"WordPiece\" or \"Unigram\"");
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> load_tokenizer_json(const std::filesystem::path& folder) {
  const Result<JsonFile> json = JsonFile::read(folder / "tokenizer.json", k_max_tokenizer_bytes);
  if (!json) return json.error();
  Loaded loaded = from_json(json->root(), folder);
  return loaded ? std::move(loaded) : in_file(loaded.error(), json->path());
}

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  if (!has_unicode_tables()) {
    return Error{ErrorCode::internal, "ICU's Unicode tables cannot be loaded; reinstall libicu"};
  }
  if (is_there(folder / "spiece.model")) return load_siglip_tokenizer(folder);
  if (is_there(folder / "tokenizer.json")) return load_tokenizer_json(folder);
  if (is_there(folder / "vocab.json")) {
    const Result<BytePairFiles> files = read_vocabulary_files(folder);
    if (!files) return files.error();
    Loaded loaded = make_clip_tokenizer(*files);
    return loaded ? std::move(loaded) : in_file(loaded.error(), folder);
  }
  if (is_there(folder / "vocab.txt")) {
    const Result<WordPieceFiles> files = read_vocabulary_text(folder);
    if (!files) return files.error();
    return make_bert_tokenizer(*files);
  }
  return Error{ErrorCode::not_found,
               folder.string() +
                   " contains no tokenizer: neither tokenizer.json, nor vocab.json with merges.txt, nor vocab.txt, nor "
                   "spiece.model"};
}

}  // namespace sightline::models
