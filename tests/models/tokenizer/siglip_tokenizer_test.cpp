// The tokenizers of SigLIP (spiece.model) and SigLIP2 (Gemma's tokenizer.json).
#include "models/tokenizer/siglip_tokenizer.h"

#include <doctest/doctest.h>
#include <utility>
#include <vector>

#include "clip_vocabulary.h"
#include "models/tokenizer/tokenizer.h"
#include "tests/base/has_text.h"
#include "tests/models/tokenizer/token_ids.h"

namespace sightline::models {
namespace {

constexpr const char* k_gemma_config =
    R"({"tokenizer_class":"GemmaTokenizer","add_bos_token":false,"add_eos_token":true,"pad_token":"<pad>",
        "padding_side":"right"})";

std::unique_ptr<Tokenizer> load(const std::filesystem::path& folder) {
  auto loaded = load_tokenizer(folder);
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  return *std::move(loaded);
}

std::filesystem::path siglip_folder() {
  return fixture_path("../models/siglip-f32");
}

std::string gemma_json() {
  return read_file(fixture_path("gemma_tokenizer.json"));
}

std::unique_ptr<Tokenizer> gemma(const std::string& config = k_gemma_config, const std::string& json = gemma_json()) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", json);
  folder.write("tokenizer_config.json", config);
  return load(folder.path());
}

Error fault(const std::vector<std::pair<std::string, std::string>>& files) {
  const TemporaryFolder folder;
  for (const auto& [name, text] : files) folder.write(name, text);
  const auto loaded = load_tokenizer(folder.path());
  REQUIRE_FALSE(loaded.ok());
  INFO(loaded.error().message);
  CHECK(loaded.error().message.find(folder.path().string()) != std::string::npos);
  return loaded.error();
}

}  // namespace

TEST_CASE("SigLIP's ids equal those of the reference tokenizer for every recorded string") {
  const auto siglip = load(siglip_folder());
  check_ids(*siglip, {.file = "siglip_tokens.json", .strings = 384, .max_tokens = 16, .truncated = 20});
  CHECK(siglip->vocabulary_size() == 500);
  REQUIRE(siglip->padding());
  CHECK(siglip->padding()->id == 1);
  CHECK(siglip->padding()->side == Padding::Side::right);
}

TEST_CASE("SigLIP2's ids equal those of the reference tokenizer for every recorded string") {
  const auto tokenizer = gemma();
  check_ids(*tokenizer, {.file = "gemma_tokens.json", .strings = 384, .max_tokens = 16, .truncated = 20});
  CHECK(tokenizer->vocabulary_size() == 666);
  REQUIRE(tokenizer->padding());
  CHECK(tokenizer->padding()->id == 0);
  CHECK(tokenizer->padding()->side == Padding::Side::right);
}

TEST_CASE("canonical text has no ASCII punctuation and single blanks inside only") {
  CHECK(siglip_canonical(" a  (b)\t-\n c! ") == "a b c");
  CHECK(siglip_canonical("don't \u00ABsay\u00BB\u3000it\x1c.") == "dont \u00ABsay\u00BB it");
  CHECK(siglip_canonical("?!. -- ").empty());
}

TEST_CASE("SigLIP's and SigLIP2's texts may be cut at either end, or not at all") {
  for (const auto& tokenizer : {load(siglip_folder()), gemma()}) {
    const std::string text = "a photo of a house with a pool and a garden";
    const Ids whole = ids_of(*tokenizer, text);
    REQUIRE(whole.size() > 8);
    Ids first(whole.begin(), whole.begin() + 7);
    first.push_back(whole.back());
    CHECK(ids_of(*tokenizer, text, 8) == first);
    CHECK(ids_of(*tokenizer, text, 8, Truncate::start) == Ids(whole.end() - 8, whole.end()));
    const auto refused = tokenizer->encode(text, 8, Truncate::none);
    REQUIRE_FALSE(refused.ok());
    has(refused.error().message, std::to_string(whole.size()) + " tokens; the model takes 8");
    CHECK(tokenizer->encode("a \xff", 8, Truncate::end).error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("SigLIP's and SigLIP2's long texts are worked on in slices that change no id") {
  for (const auto& tokenizer : {load(siglip_folder()), gemma()}) check_long_texts(*tokenizer);
}

TEST_CASE("a spiece.model that is broken or another model's is refused by file") {
  const std::string model = read_file(siglip_folder() / "spiece.model");
  CHECK(fault({{"spiece.model", ""}}).code == ErrorCode::corrupt_data);
  CHECK(fault({{"spiece.model", "no model"}}).code == ErrorCode::corrupt_data);
  CHECK(fault({{"spiece.model", model.substr(0, model.size() / 2)}}).code == ErrorCode::corrupt_data);
  const Error t5 = fault({{"spiece.model", model}, {"tokenizer_config.json", R"({"tokenizer_class":"T5Tokenizer"})"}});
  CHECK(t5.code == ErrorCode::unsupported);
  has(t5.message, "tokenizer_class is \"T5Tokenizer\"");
  const Error pad = fault({{"spiece.model", model}, {"tokenizer_config.json", R"({"pad_token":"<pad>"})"}});
  CHECK(pad.code == ErrorCode::unsupported);
  has(pad.message, "pad_token is \"<pad>\"");
  has(fault({{"tokenizer.json", R"({"model":{"type":"Unigram"}})"}}).message, "download spiece.model");
}

TEST_CASE("a spiece.model of which any byte is wrong is refused or read, and does no harm") {
  const std::string model = read_file(siglip_folder() / "spiece.model");
  const std::string text = "A photo of caf\u00E9s, \uFB01ne \u2460 \u3300 houses";
  std::uint32_t random = 1;
  int loaded = 0;
  for (int i = 0; i < 300; ++i) {
    std::string changed = model;
    for (int k = 0; k < 8; ++k) {
      random = random * 1664525u + 1013904223u;
      changed[random % changed.size()] ^= static_cast<char>(1 + (random >> 8) % 255);
    }
    const TemporaryFolder folder;
    folder.write("spiece.model", changed);
    const auto tokenizer = load_tokenizer(folder.path());
    if (!tokenizer) continue;
    ++loaded;
    for (const std::int32_t id : ids_of(**tokenizer, text)) {
      CHECK(static_cast<std::size_t>(id) < (*tokenizer)->vocabulary_size());
    }
  }
  CHECK(loaded > 0);
  CHECK(loaded < 300);
}

TEST_CASE("SigLIP keeps capitals where its files say so") {
  const TemporaryFolder folder;
  folder.write("spiece.model", read_file(siglip_folder() / "spiece.model"));
  CHECK(ids_of(*load(folder.path()), "POOL") == ids_of(*load(folder.path()), "pool"));
  folder.write("tokenizer_config.json", R"({"do_lower_case":false})");
  CHECK(ids_of(*load(folder.path()), "POOL") != ids_of(*load(folder.path()), "pool"));
}

TEST_CASE("a tokenizer.json that is not Gemma's, or does not say how to pad, is refused by place") {
  const std::string json = gemma_json(), side = R"({"padding_side":"right"})";
  has(fault({{"tokenizer.json", json}}).message, "tokenizer_config.json");
  const std::vector<std::pair<std::string, std::string>> configs{
      {R"({"pad_token":"<pad>"})", "padding_side"},
      {R"({"pad_token":"<nothing>","padding_side":"right"})", "lacks \"<nothing>\""},
      {R"({"add_bos_token":true,"padding_side":"right"})", "add_bos_token"},
      {R"({"add_eos_token":false,"padding_side":"right"})", "add_eos_token"},
  };
  for (const auto& [config, part] : configs) {
    has(fault({{"tokenizer.json", json}, {"tokenizer_config.json", config}}).message, part);
  }
  const std::vector<std::tuple<std::string, std::string, std::string>> changes{
      {R"("<0x41>":)", R"("<0x4_>":)", "lacks \"<0x41>\""},
      {R"("ignore_merges":false)", R"("ignore_merges":true)", "ignore_merges"},
      {R"("end_of_word_suffix":null)", R"("end_of_word_suffix":"</w>")", "byte_fallback is true"},
      {R"("continuing_subword_prefix":null)", R"("continuing_subword_prefix":"##")", "continuing_subword_prefix"},
      {R"("normalizer":{"type":"Replace")", R"("normalizer":{"type":"Prepend")", "normalizer is \"Prepend\""},
      {R"("pre_tokenizer":{"type":"Split")", R"("pre_tokenizer":{"type":"ByteLevel")", "pre_tokenizer"},
      {R"("content":"<h1>","single_word":false,"lstrip":false)",
       R"("content":"<h1>","single_word":false,"lstrip":true)", "lstrip is true"},
      {R"("single":[{"Sequence":{"id":"A","type_id":0}},)",
       R"("single":[{"SpecialToken":{"id":"<eos>"}},{"Sequence":{"id":"A","type_id":0}},)", "post_processor.single"},
  };
  for (const auto& [from, to, part] : changes) {
    has(fault({{"tokenizer.json", replaced(json, from, to)}, {"tokenizer_config.json", side}}).message, part);
  }
}

TEST_CASE("tokenizer_config.json overrules what tokenizer.json puts around SigLIP2's texts") {
  const std::string both =
      replaced(gemma_json(), R"("single":[{"Sequence":{"id":"A","type_id":0}},)",
               R"("single":[{"SpecialToken":{"id":"<eos>"}},{"Sequence":{"id":"A","type_id":0}},)");
  CHECK(ids_of(*gemma(k_gemma_config, both), "a cat") == ids_of(*gemma(), "a cat"));
  CHECK(ids_of(*gemma(R"({"padding_side":"right"})"), "a cat") == ids_of(*gemma(), "a cat"));
  has(fault({{"tokenizer.json", both}, {"tokenizer_config.json", R"({"padding_side":"right"})"}}).message,
      "post_processor.single");
}

TEST_CASE("SigLIP's padding goes where its files say") {
  const TemporaryFolder folder;
  folder.write("spiece.model", read_file(siglip_folder() / "spiece.model"));
  CHECK(load(folder.path())->padding()->side == Padding::Side::right);
  folder.write("tokenizer_config.json", R"({"padding_side":"left"})");
  CHECK(load(folder.path())->padding()->side == Padding::Side::left);
  CHECK(load(folder.path())->padding()->id == 1);
  folder.write("tokenizer_config.json", R"({"padding_side":"middle"})");
  has(load_tokenizer(folder.path()).error().message, "padding_side is neither \"right\" nor \"left\"");
}

TEST_CASE("SigLIP2's end token may not contradict its tokenizer.json") {
  CHECK(gemma(R"({"padding_side":"right","bos_token":"<bos>","eos_token":"<eos>"})"));
  has(fault({{"tokenizer.json", gemma_json()},
             {"tokenizer_config.json", R"({"padding_side":"right","eos_token":"<pad>"})"}})
          .message,
      "eos_token of tokenizer_config.json or special_tokens_map.json is \"<pad>\"");
}

TEST_CASE("SigLIP2's padding goes where its files say") {
  const auto left = gemma(R"({"pad_token":"<unk>","padding_side":"left"})");
  REQUIRE(left->padding());
  CHECK(left->padding()->id == 3);
  CHECK(left->padding()->side == Padding::Side::left);
}

}  // namespace sightline::models
