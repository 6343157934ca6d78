#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <sstream>

#include "clip_vocabulary.h"
#include "models/tokenizer/tokenizer.h"
#include "tests/base/has_text.h"
#include "tests/models/tokenizer/token_ids.h"
#include "tests/source_folder.h"

namespace sightline::models {
namespace {

std::unique_ptr<Tokenizer> load(const TemporaryFolder& folder) {
  auto loaded = load_tokenizer(folder.path());
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  return *std::move(loaded);
}

/// BERT's vocabulary, loaded once from vocab.txt.
const Tokenizer& bert() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    const TemporaryFolder folder;
    folder.write("vocab.txt", read_file(fixture_path("bert_vocab.txt")));
    return load(folder);
  }();
  return *tokenizer;
}

/// tokenizer.json as Hugging Face exports it, of the given tokens.
std::string json_of(std::istream& tokens) {
  std::string vocabulary, line;
  for (int id = 0; std::getline(tokens, line); ++id) {
    vocabulary += (id > 0 ? "," : "") + models::quoted(line) + ":" + std::to_string(id);
  }
  return R"({"truncation":{"max_length":16},"added_tokens":[{"id":2,"content":"[CLS]","normalized":false}],
    "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,
                  "lowercase":true},
    "pre_tokenizer":{"type":"BertPreTokenizer"},
    "post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},
    "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
             "max_input_chars_per_word":100,"vocab":{)" +
         vocabulary + "}}}";
}

constexpr const char* k_few_tokens =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##believ\n##able\nhouse\ncafe\nCafe\ncaf\u00E9\n##s\n,\n";

std::string few_json() {
  std::istringstream tokens(k_few_tokens);
  return json_of(tokens);
}

std::string load_error(const char* file, const std::string& text, ErrorCode code) {
  const TemporaryFolder folder;
  folder.write(file, text);
  const auto loaded = load_tokenizer(folder.path());
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().code == code);
  CHECK(loaded.error().message.find((folder.path() / file).string()) != std::string::npos);
  return loaded.error().message;
}

}  // namespace

TEST_CASE("BERT's ids equal those of the reference tokenizer for every recorded string") {
  check_ids(bert(), {.file = "bert_tokens.json", .strings = 359, .max_tokens = 16, .truncated = 20});
  CHECK(bert().vocabulary_size() == 30'522);
}

TEST_CASE("tokenizer.json and vocab.txt give the same ids, whatever places the special tokens have") {
  const TemporaryFolder json, text;
  json.write("tokenizer.json", few_json());
  text.write("vocab.txt", k_few_tokens);
  text.write("tokenizer_config.json", R"({"do_lower_case":true})");
  for (const TemporaryFolder* folder : {&json, &text}) {
    const auto tokenizer = load(*folder);
    CHECK(tokenizer->vocabulary_size() == 13);
    CHECK(ids_of(*tokenizer, "Unbelievable, CAF\u00C9s") == Ids{2, 4, 5, 6, 12, 8, 11, 3});
    CHECK(ids_of(*tokenizer, "unbelievably house") == Ids{2, 1, 7, 3});
    CHECK(ids_of(*tokenizer, "") == Ids{2, 3});
    CHECK(ids_of(*tokenizer, "house[CLS]house") == Ids{2, 7, 2, 7, 3});
  }
}

TEST_CASE("tokens of vocab.txt's folder are cut out of texts as by transformers") {
  const TemporaryFolder folder;
  folder.write("vocab.txt", k_few_tokens);
  folder.write("tokenizer_config.json",
               R"({"do_lower_case":true,"additional_special_tokens":["house"],)"
               R"("added_tokens_decoder":{"13":{"content":"<Pic>","special":true},"14":{"content":"<Any>"}}})");
  const auto tokenizer = load(folder);
  CHECK(tokenizer->vocabulary_size() == 15);
  CHECK(ids_of(*tokenizer, "house<Pic>houses") == Ids{2, 7, 13, 7, 1, 3});  // "s" is left, which no word begins with
  CHECK(ids_of(*tokenizer, "<ANY>house") == Ids{2, 14, 7, 3});
  CHECK(ids_of(*tokenizer, "<pic>").size() > 3);
}

TEST_CASE("a cased vocabulary keeps case and accents, if its settings say so") {
  const TemporaryFolder folder;
  folder.write("vocab.txt", k_few_tokens);
  folder.write("tokenizer_config.json", R"({"do_lower_case":false})");
  const auto tokenizer = load(folder);
  CHECK(ids_of(*tokenizer, "cafe Cafe caf\u00E9 CAFE") == Ids{2, 8, 9, 10, 1, 3});
}

TEST_CASE("a multilingual cased vocabulary gives the reference's ids for 24 scripts, from either form of its files") {
  rapidjson::Document cases;
  const std::string text = read_file(fixture_path("multilingual_tokens.json"));
  cases.Parse(text.data(), text.size());
  REQUIRE(cases.IsArray());
  REQUIRE(cases.Size() >= 200);
  const auto model = source_folder() / "tests/fixtures/models/multilingual-clip";
  const TemporaryFolder words;
  for (const char* file : {"vocab.txt", "tokenizer_config.json"}) words.write(file, read_file((model / file).string()));
  const auto from_json = load_tokenizer(model), from_words = load_tokenizer(words.path());
  REQUIRE_MESSAGE(from_json.ok(), from_json.error().message);
  REQUIRE_MESSAGE(from_words.ok(), from_words.error().message);
  for (const auto& entry : cases.GetArray()) {
    const std::string_view input(entry["text"].GetString(), entry["text"].GetStringLength());
    CAPTURE(input);
    const Ids expected = to_ids(entry["ids"]);
    CHECK(ids_of(**from_json, input) == expected);
    CHECK(ids_of(**from_words, input) == expected);
  }
}

TEST_CASE("a vocabulary with capital letters is refused unless its settings set do_lower_case") {
  const TemporaryFolder folder;
  folder.write("vocab.txt", k_few_tokens);
  for (const char* settings : {"", "{}", R"({"do_lower_case":null})", R"({"do_lower_case":"false"})"}) {
    if (*settings != '\0') folder.write("tokenizer_config.json", settings);
    const auto refused = load_tokenizer(folder.path());
    REQUIRE_FALSE(refused.ok());
    has(refused.error().message, folder.path().string() + ": vocab.txt has tokens with capital letters (\"Cafe\")");
    has(refused.error().message, "download tokenizer_config.json");
  }
}

TEST_CASE("tokens that no text has may have capital letters, as <S> and <T> of Chinese-CLIP") {
  const TemporaryFolder folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n<S>\n<T>\ncafe\n");
  CHECK(ids_of(*load(folder), "Cafe <S>") == Ids{1, 5, 0, 0, 0, 2});
}

TEST_CASE("tokenizer.json and tokenizer_config.json that contradict each other are refused") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", few_json());
  for (const char* same : {"{}", R"({"do_lower_case":true,"strip_accents":null,"tokenize_chinese_chars":true})"}) {
    folder.write("tokenizer_config.json", same);
    CHECK(load_tokenizer(folder.path()).ok());
  }
  for (const char* other :
       {R"({"do_lower_case":false})", R"({"strip_accents":false})", R"({"tokenize_chinese_chars":false})"}) {
    folder.write("tokenizer_config.json", other);
    const auto refused = load_tokenizer(folder.path());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::corrupt_data);
    has(refused.error().message, "tokenizer.json: normalizer contradicts do_lower_case");
  }
}

TEST_CASE("cls_token and sep_token may not contradict tokenizer.json") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", few_json());
  for (const char* same : {R"({"cls_token":"[CLS]","sep_token":{"content":"[SEP]"}})", R"({"cls_token":null})",
                           R"({"bos_token":"house","eos_token":"house"})"}) {
    folder.write("tokenizer_config.json", same);
    CHECK(load_tokenizer(folder.path()).ok());
  }
  for (const auto& [key, token] : {std::pair{"cls_token", "[SEP]"}, {"sep_token", "house"}, {"sep_token", "none"}}) {
    folder.write("tokenizer_config.json", "{\"" + std::string(key) + "\":\"" + token + "\"}");
    const auto refused = load_tokenizer(folder.path());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::corrupt_data);
    has(refused.error().message,
        std::string(key) + " of tokenizer_config.json or special_tokens_map.json is \"" + token);
  }
}

TEST_CASE("a word of over 100 letters is unknown as a whole, in letters and not in bytes") {
  const TemporaryFolder folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n\u0436\n##\u0436\n");
  const auto tokenizer = load(folder);
  std::string word;
  for (int i = 0; i < 100; ++i) word += "\u0436";
  CHECK(ids_of(*tokenizer, word).size() == 102);
  CHECK(ids_of(*tokenizer, word + "\u0436") == Ids{1, 0, 2});
}

TEST_CASE("a vertical tab joins words where a line's end parts them, at a slice's end too") {
  std::string text(70'000, '!');
  CHECK(ids_of(bert(), "swim\vming") == ids_of(bert(), "swimming"));
  CHECK(ids_of(bert(), text + "swim\vming").size() == ids_of(bert(), text + "swimming").size());
  CHECK(ids_of(bert(), "swim\nming") == ids_of(bert(), "swim ming"));
}

TEST_CASE("a text over BERT's limit keeps [SEP], or its end, or is refused") {
  CHECK(ids_of(bert(), "a photo of a cat", 5) == Ids{101, 1037, 6302, 1997, 102});
  CHECK(bert().encode("a photo of a cat", 5, Truncate::start)->ids == Ids{101, 1997, 1037, 4937, 102});
  const auto refused = bert().encode("a photo of a cat", 5, Truncate::none);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "text has 7 tokens; the model takes 5. Shorten it, or allow truncation");
  CHECK(bert().encode("\xFF", 5, Truncate::end).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a WordPiece pipeline that is not BERT's is refused by the name of the part") {
  const auto error = [](const std::string& from, const std::string& to, ErrorCode code) {
    return load_error("tokenizer.json", replaced(few_json(), from, to), code);
  };
  has(error("BertNormalizer", "NFC", ErrorCode::unsupported), "normalizer is \"NFC\"");
  has(error("BertPreTokenizer", "Whitespace", ErrorCode::unsupported), "pre_tokenizer is \"Whitespace\"");
  has(error("BertProcessing", "Sequence", ErrorCode::unsupported), "post_processor is \"Sequence\"");
  has(error("\"sep\":[\"[SEP]\",3]", "\"sep\":3", ErrorCode::corrupt_data), "post_processor.sep");
  has(error("\"unk_token\":\"[UNK]\"", "\"unk_token\":\"<unk>\"", ErrorCode::corrupt_data), "\"<unk>\"");
  has(error("\"house\":7", "\"house\":-7", ErrorCode::corrupt_data), "\"house\"");
  has(error("\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":0", ErrorCode::corrupt_data),
      "max_input_chars_per_word");
  has(load_error("vocab.txt", "[UNK]\n[CLS]\nhouse\n", ErrorCode::corrupt_data), "[SEP]");
}

}  // namespace sightline::models
