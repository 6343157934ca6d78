// config.json, preprocessor_config.json, open_clip_config.json and tokenizer.json: the same bytes as each of them, and
// as a text that OpenCLIP cleans.
#include "base/json/utf8.h"
#include "fuzz/target.h"
#include "models/files/json_file.h"
#include "models/model_folder/model_config.h"
#include "models/model_folder/open_clip_config.h"
#include "models/model_folder/preprocessor_config.h"
#include "models/tokenizer/text_cleaning.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/unigram.h"
#include "models/tokenizer/unigram_json.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;

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
  if (!json::find_invalid_utf8(text)) models::cleaned(text, models::Cleaning::canonicalize);
  if (const auto tokenizer = models::load_tokenizer(folder.path()))
    (*tokenizer)->encode("A red house, caf\xC3\xA9 42", 16, models::Truncate::end);
  return 0;
}
