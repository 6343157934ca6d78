// Detects the tokenizer of a folder.
#include <optional>
#include <string_view>
#include <utility>

#include "models/files/file.h"
#include "models/tokenizer/bert_tokenizer.h"
#include "models/tokenizer/clip_tokenizer.h"
#include "models/tokenizer/gemma_tokenizer.h"
#include "models/tokenizer/siglip_tokenizer.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/tokenizer_files.h"
#include "models/tokenizer/unicode.h"
#include "models/tokenizer/unigram_json.h"
#include "models/tokenizer/xlm_roberta_tokenizer.h"

namespace sightline::models {
namespace {

using Loaded = Result<std::unique_ptr<Tokenizer>>;

std::optional<std::int32_t> id_of(const XlmRobertaFiles& files, const std::string& token) {
  for (const AddedToken& added : files.added) {
    if (added.content == token) return added.id;
  }
  return files.model.id_of(token);
}

Status check_xlm_roberta_frame(const std::vector<JsonFile>& settings, const XlmRobertaFiles& files) {
  const std::int32_t begin = *files.frame.begin_id, end = files.frame.end_id;
  return check_frame(settings, {{"bos_token", begin}, {"cls_token", begin}, {"eos_token", end}, {"sep_token", end}},
                     [&](const std::string& text) { return id_of(files, text); });
}

Loaded from_json(const rapidjson::Value& root, const std::vector<JsonFile>& settings) {
  const rapidjson::Value* model = given_member(root, "model");
  const std::string type = type_of(model);
  if (Status good = check_truncation(root, settings); !good) return good.error();
  if (type == "\"BPE\"" && bool_member(*model, "byte_fallback", false) &&
      text_member(*model, "end_of_word_suffix").empty()) {
    const Result<GemmaFiles> files = read_gemma_json(root, settings);
    return files ? make_gemma_tokenizer(*files) : files.error();
  }
  if (type == "\"BPE\"") {
    Result<BytePairFiles> files = read_byte_pair_json(root);
    if (!files) return files.error();
    const Frame& frame = files->specials.frame;
    if (Status good = check_frame(settings, {{"bos_token", *frame.begin_id}, {"eos_token", frame.end_id}},
                                  files->vocabulary, files->specials.added);
        !good) {
      return good.error();
    }
    if (Status good = add_named_tokens(settings, files->vocabulary, files->specials.added); !good) return good.error();
    return make_clip_tokenizer(*files);
  }
  if (type == "\"WordPiece\"") {
    const Result<WordPieceFiles> files = read_word_piece_json(root, settings);
    return files ? Loaded(make_bert_tokenizer(*files)) : files.error();
  }
  if (type == "\"Unigram\"") {
    const Result<XlmRobertaFiles> files = read_xlm_roberta_json(root);
    if (files) {
      if (Status good = check_xlm_roberta_frame(settings, *files); !good) return good.error();
    }
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
  const Result<std::vector<JsonFile>> settings = read_settings(folder);
  if (!settings) return settings.error();
  Loaded loaded = from_json(json->root(), *settings);
  return loaded ? std::move(loaded) : in_file(loaded.error(), json->path());
}

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  if (!has_unicode_tables()) {
    return Error{ErrorCode::internal, "ICU's Unicode tables cannot be loaded; reinstall libicu"};
  }
  if (is_there(folder / "spiece.model")) return load_siglip_tokenizer(folder);
  if (is_there(folder / "tokenizer.json")) return load_tokenizer_json(folder);
  if (is_there(folder / "vocab.json")) {
    const Result<BytePairFiles> files = read_vocabulary_files(folder, /*listed_tokens=*/true);
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
