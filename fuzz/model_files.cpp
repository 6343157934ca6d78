// config.json, preprocessor_config.json, open_clip_config.json, tokenizer.json and the files of sentence-transformers: the
// same bytes as each of them, and as a text that OpenCLIP cleans.
#include <iterator>

#include "base/json/utf8.h"
#include "fuzz/target.h"
#include "models/files/json_file.h"
#include "models/model_folder/model_config.h"
#include "models/model_folder/open_clip_config.h"
#include "models/model_folder/preprocessor_config.h"
#include "models/model_folder/sentence_transformers.h"
#include "models/tokenizer/text_cleaning.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/unigram.h"
#include "models/tokenizer/unigram_json.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;

namespace {

/// `text` as one file of a text tower whose other files are right.
void read_as_text_tower(std::string_view text) {
  static const TemporaryFolder folder;
  struct Right {
    const char *name, *content;
  };
  static constexpr Right k_right[] = {
      {"config.json", R"({"model_type":"distilbert"})"},
      {"modules.json", R"([{"path":"","type":"sentence_transformers.models.Transformer"},
          {"path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
          {"path":"2_Dense","type":"sentence_transformers.models.Dense"}])"},
      {"1_Pooling/config.json", "{}"},
      {"2_Dense/config.json",
       R"({"in_features":768,"out_features":8,"activation_function":"torch.nn.modules.linear.Identity"})"},
      {"sentence_bert_config.json", "{}"},
      {"config_sentence_transformers.json", "{}"},
      {"tokenizer_config.json", "{}"}};
  static const bool is_written = [] {
    for (const Right& file : k_right) folder.write(file.name, file.content);
    return true;
  }();
  const Right& file = k_right[text.size() % std::size(k_right)];  // one per input: writing is slow
  if (is_written) folder.write(file.name, text);
  if (models::is_sentence_transformers(folder.path())) models::read_sentence_transformers(folder.path());
  folder.write(file.name, file.content);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TemporaryFolder folder;
  const auto text = fuzz::text_of(data, size);
  for (const char* name : {"config.json", "preprocessor_config.json", "tokenizer.json"}) folder.write(name, text);
  if (const auto config = models::JsonFile::read(folder.path() / "config.json")) models::read_model_config(*config);
  models::read_preprocessor_config(folder.path(), 224);
  if (const auto config = models::JsonFile::read(folder.path() / "config.json")) {
    models::read_open_clip_config(*config);
    models::read_open_clip_preprocess(*config, 224);
    if (const auto pieces = models::read_unigram_json(config->root())) {
      if (const auto unigram = models::Unigram::create(*pieces)) unigram->encode_marked("a red house");
    }
  }
  read_as_text_tower(text);
  if (!json::find_invalid_utf8(text)) models::cleaned(text, models::Cleaning::canonicalize);
  if (const auto tokenizer = models::load_tokenizer(folder.path()))
    (*tokenizer)->encode("A red house, caf\xC3\xA9 42", 16, models::Truncate::end);
  return 0;
}
