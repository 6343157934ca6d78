// XLM-RoBERTa's tokenizer, compared with Hugging Face's tokenizers (tests/fixtures/make_jina_clip_v2.py).
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <tuple>
#include <vector>

#include "clip_vocabulary.h"
#include "models/tokenizer/graphemes.h"
#include "models/tokenizer/tokenizer.h"
#include "tests/base/has_text.h"
#include "tests/models/tokenizer/token_ids.h"

namespace sightline::models {
namespace {

std::string published_pipeline() {
  static const std::string json = read_file(fixture_path("../models/jina-clip-v2-f16/tokenizer.json"));
  return json;
}

/// What newer versions of transformers make of the same SentencePiece file.
std::string later_pipeline() {
  std::string json = replaced(published_pipeline(), R"("normalizer":{"type":"Precompiled")",
                              R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Precompiled")");
  json = replaced(json, R"(},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},)",
                  R"(},{"type":"Strip","strip_left":false,"strip_right":true},)"
                  R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":")"
                  "\u2581"
                  R"("}]},"pre_tokenizer":)");
  return replaced(json, R"("split":true}]})", R"("split":true})");
}

Result<std::unique_ptr<Tokenizer>> read(const std::string& json) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", json);
  return load_tokenizer(folder.path());
}

std::unique_ptr<Tokenizer> load(const std::string& json = published_pipeline()) {
  auto loaded = read(json);
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  return *std::move(loaded);
}

void equals_recorded(const Tokenizer& tokenizer, const char* member) {
  rapidjson::Document cases;
  const std::string text = read_file(fixture_path("xlm_roberta_tokens.json"));
  cases.Parse(text.data(), text.size());
  REQUIRE(cases.IsArray());
  REQUIRE(cases.Size() > 430);
  for (const auto& entry : cases.GetArray()) {
    const std::string_view input(entry["text"].GetString(), entry["text"].GetStringLength());
    CAPTURE(input);
    CHECK(ids_of(tokenizer, input) == to_ids(entry[member]));
  }
}

}  // namespace

TEST_CASE("XLM-RoBERTa's ids equal those of the reference tokenizer for every recorded string, in both pipelines") {
  const auto published = load();
  equals_recorded(*published, "ids");
  CHECK_FALSE(published->padding());
  equals_recorded(*load(later_pipeline()), "later");
}

TEST_CASE("XLM-RoBERTa's texts may be cut at either end, or not at all") {
  for (const std::string& json : {published_pipeline(), later_pipeline()}) {
    const auto tokenizer = load(json);
    const std::string text = "a photo of a house with a pool and a garden";
    const Ids whole = ids_of(*tokenizer, text);
    REQUIRE(whole.size() > 8);
    CHECK(whole.front() == 0);
    CHECK(whole.back() == 2);
    Ids first(whole.begin(), whole.begin() + 7), last(whole.end() - 7, whole.end());
    first.push_back(2);
    last.insert(last.begin(), 0);
    CHECK(ids_of(*tokenizer, text, 8) == first);
    CHECK(ids_of(*tokenizer, text, 8, Truncate::start) == last);
    const auto refused = tokenizer->encode(text, 8, Truncate::none);
    REQUIRE_FALSE(refused.ok());
    has(refused.error().message, std::to_string(whole.size()) + " tokens; the model takes 8");
    CHECK(tokenizer->encode("a \xff", 8, Truncate::end).error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("XLM-RoBERTa's long texts are worked on in slices that change no id") {
  for (const std::string& json : {published_pipeline(), later_pipeline()}) check_long_texts(*load(json));
}

TEST_CASE("a tokenizer.json with a unigram model that is not XLM-RoBERTa's is refused by place") {
  const std::string json = published_pipeline();
  const std::vector<std::tuple<std::string, std::string, std::string>> changes{
      {R"("byte_fallback":false)", R"("byte_fallback":true)", "model.byte_fallback"},
      {R"("unk_id":3)", R"("unk_id":99999)", "model.unk_id"},
      {R"("normalizer":{"type":"Precompiled")", R"("normalizer":{"type":"NFKC")", "normalizer is \"NFKC\""},
      {R"("precompiled_charsmap":")", R"("precompiled_charsmap":"!)", "precompiled_charsmap is not base64"},
      {R"("precompiled_charsmap":")", R"("precompiled_charsmap":"AAAA)", "precompiled_charsmap contradicts"},
      {R"({"type":"WhitespaceSplit"})", R"({"type":"Whitespace"})", "pre_tokenizer is \"Sequence\""},
      {R"("prepend_scheme":"always")", R"("prepend_scheme":"first")", "pre_tokenizer"},
      {R"("prepend_scheme":"always")", R"("prepend_scheme":"never")", "pre_tokenizer"},
      {R"("split":true)", R"("split":false)", "pre_tokenizer"},
      {R"("lstrip":true,"rstrip":false)", R"("lstrip":true,"rstrip":true)", "rstrip is true"},
      {R"("single":[{"SpecialToken":{"id":"<s>","type_id":0}},)", R"("single":[)", "post_processor.single"},
      {R"(["<mask>",0.0])", R"(["<mask>",null])", "model.vocab["},
      {R"(["th",)", R"(["n",)", "\"n\" appears twice"},
      {R"(["<mask>",0.0])", R"(["<pad>",0.0])", "added_tokens has \"<mask>\" with another id than model.vocab"},
      {R"("id":901,)", R"("id":15,)", "added_tokens has \"<mask>\" with another id than model.vocab"},
      {R"("id":901,)", R"("id":99999,)", "added_tokens has \"<mask>\" with another id than model.vocab"},
      {R"("precompiled_charsmap":")", R"("other":")", "precompiled_charsmap is missing"},
  };
  for (const auto& [from, to, part] : changes) {
    CAPTURE(to);
    const auto loaded = read(replaced(json, from, to));
    REQUIRE_FALSE(loaded.ok());
    has(loaded.error().message, part);
    has(loaded.error().message, "tokenizer.json");
  }
  const auto step = read(replaced(later_pipeline(), R"({"type":"Strip")", R"({"type":"Lowercase")"));
  REQUIRE_FALSE(step.ok());
  has(step.error().message, "normalizer.normalizers[1] is \"Lowercase\"");
}

TEST_CASE("special tokens of XLM-RoBERTa's settings may not contradict its tokenizer.json") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", published_pipeline());
  folder.write("tokenizer_config.json", R"({"bos_token":"<s>","cls_token":"<s>","eos_token":"</s>","sep_token":"</s>",
                                            "mask_token":{"content":"<mask>"}})");
  CHECK(load_tokenizer(folder.path()).ok());
  for (const char* name : {"bos_token", "cls_token", "eos_token", "sep_token"}) {
    folder.write("tokenizer_config.json", "{\"" + std::string(name) + "\":\"<pad>\"}");
    const auto refused = load_tokenizer(folder.path());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::corrupt_data);
    has(refused.error().message, std::string(name) + " of tokenizer_config.json");
  }
}

TEST_CASE("clusters of characters end where Unicode's rules end them") {
  const auto clusters = [](std::string_view text) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = grapheme_end(text, at);
      all.emplace_back(text.substr(at, end - at));
      at = end;
    }
    return all;
  };
  using Clusters = std::vector<std::string>;
  CHECK(clusters("ab") == Clusters{"a", "b"});
  CHECK(clusters("e\u0301\u0323x") == Clusters{"e\u0301\u0323", "x"});
  CHECK(clusters("\r\n\n\r") == Clusters{"\r\n", "\n", "\r"});
  CHECK(clusters("\t\u0301") == Clusters{"\t", "\u0301"});
  CHECK(clusters("\u1100\u1161\u11A8\u1100") == Clusters{"\u1100\u1161\u11A8", "\u1100"});
  CHECK(clusters("\uAC00\u11A8\u1161") == Clusters{"\uAC00\u11A8", "\u1161"});
  CHECK(clusters("\U0001F1E9\U0001F1EA\U0001F1EB") == Clusters{"\U0001F1E9\U0001F1EA", "\U0001F1EB"});
  CHECK(clusters("\U0001F468\u200D\U0001F469\U0001F467") == Clusters{"\U0001F468\u200D\U0001F469", "\U0001F467"});
  CHECK(clusters("a\u200D\U0001F469") == Clusters{"a\u200D", "\U0001F469"});
  CHECK(clusters("\u00AA\u0897\u1ACF\u1AE0x") == Clusters{"\u00AA\u0897\u1ACF\u1AE0", "x"});
  CHECK(clusters("\u0600\u0661x") == Clusters{"\u0600\u0661", "x"});
}

}  // namespace sightline::models
