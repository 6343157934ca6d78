// OpenCLIP's cleaning of texts and its tokenizers, compared with OpenCLIP 3.3 (tests/fixtures/make_open_clip.py).
#include "models/tokenizer/open_clip_tokenizer.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "clip_vocabulary.h"
#include "models/tokenizer/html_entities.h"
#include "models/tokenizer/text_cleaning.h"
#include "tests/base/has_text.h"
#include "tests/models/tokenizer/token_ids.h"

namespace sightline::models {
namespace {

constexpr const char* k_canonical =
    R"("hf_tokenizer_name": "timm/ViT-B-16-SigLIP2", "tokenizer_kwargs": {"clean": "canonicalize"})";
constexpr const char* k_gemma_config =
    R"({"tokenizer_class":"GemmaTokenizer","add_bos_token":false,"add_eos_token":true,"pad_token":"<pad>",
        "padding_side":"right"})";

std::string config_of(const std::string& text_cfg) {
  return R"({"model_cfg":{"text_cfg":{)" + text_cfg + "}}}";
}

/// A folder with OpenAI's vocabulary.
std::unique_ptr<TemporaryFolder> clip_folder(const std::string& text_cfg) {
  auto folder = std::make_unique<TemporaryFolder>();
  folder->write("open_clip_config.json", config_of(text_cfg));
  folder->write("vocab.json", vocabulary_json(clip_tokens_by_id(clip_merges())));
  folder->write("merges.txt", read_file(fixture_path("clip_merges.txt")));
  return folder;
}

std::unique_ptr<TemporaryFolder> gemma_folder(const std::string& text_cfg) {
  auto folder = std::make_unique<TemporaryFolder>();
  folder->write("open_clip_config.json", config_of(text_cfg));
  folder->write("tokenizer.json", read_file(fixture_path("gemma_tokenizer.json")));
  folder->write("tokenizer_config.json", k_gemma_config);
  return folder;
}

std::unique_ptr<TemporaryFolder> unigram_folder() {
  auto folder = std::make_unique<TemporaryFolder>();
  folder->write("open_clip_config.json", config_of(k_canonical));
  const std::filesystem::path source = fixture_path("../models/open-clip-siglip");
  for (const auto& entry : std::filesystem::directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("tokenizer") || name == "special_tokens_map.json")
      folder->write(name, read_file(entry.path()));
  }
  return folder;
}

std::unique_ptr<Tokenizer> load(const TemporaryFolder& folder) {
  auto loaded = load_open_clip_tokenizer(folder.path());
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  return *std::move(loaded);
}

std::string fault(const TemporaryFolder& folder, ErrorCode code) {
  const auto loaded = load_open_clip_tokenizer(folder.path());
  REQUIRE_FALSE(loaded.ok());
  INFO(loaded.error().message);
  CHECK(loaded.error().code == code);
  return loaded.error().message;
}

const rapidjson::Document& cases() {
  static const rapidjson::Document document = [] {
    rapidjson::Document json;
    const std::string text = read_file(fixture_path("open_clip_tokens.json"));
    json.Parse(text.data(), text.size());
    return json;
  }();
  REQUIRE(document.IsArray());
  REQUIRE(document.Size() > 380);
  return document;
}

std::string text_of(const rapidjson::Value& entry, const char* key) {
  return {entry[key].GetString(), entry[key].GetStringLength()};
}

}  // namespace

TEST_CASE("texts are cleaned as OpenCLIP cleans them") {
  for (const auto& entry : cases().GetArray()) {
    const std::string text = text_of(entry, "text");
    CAPTURE(text);
    CHECK(cleaned(text, Cleaning::lower) == text_of(entry, "lower"));
    CHECK(cleaned(text, Cleaning::whitespace) == text_of(entry, "whitespace"));
    CHECK(cleaned(text, Cleaning::canonicalize) == text_of(entry, "canonical"));
  }
}

TEST_CASE("ids of CLIP's vocabulary equal those of OpenCLIP's SimpleTokenizer, also truncated") {
  const auto tokenizer = load(*clip_folder(""));
  CHECK(tokenizer->vocabulary_size() == 49'408);
  int truncated = 0;
  for (const auto& entry : cases().GetArray()) {
    const std::string text = text_of(entry, "text");
    CAPTURE(text);
    CHECK(ids_of(*tokenizer, text) == to_ids(entry["simple"]));
    if (!entry.HasMember("simple_77")) continue;
    CHECK(ids_of(*tokenizer, text, 77) == to_ids(entry["simple_77"]));
    ++truncated;
  }
  CHECK(truncated > 0);
  CHECK(tokenizer->padding()->id == 0);
}

TEST_CASE("ids of Gemma's vocabulary are those of canonical text") {
  const auto tokenizer = load(*gemma_folder(k_canonical));
  const std::int32_t end = ids_of(*tokenizer, "").back();
  for (const auto& entry : cases().GetArray()) {
    CAPTURE(text_of(entry, "text"));
    Ids expected = to_ids(entry["gemma"]);
    if (expected.empty() || expected.back() != end) expected.push_back(end);
    CHECK(ids_of(*tokenizer, text_of(entry, "text")) == expected);
  }
}

TEST_CASE("ids of SigLIP's unigram model are those of T5's fast tokenizer, from tokenizer.json and from spiece.model") {
  const auto folder = unigram_folder();
  const auto from_json = load(*folder);
  std::filesystem::remove(folder->path() / "tokenizer.json");
  folder->write("spiece.model", read_file(fixture_path("../models/siglip-f32/spiece.model")));
  const auto from_pieces = load(*folder);
  for (const auto& entry : cases().GetArray()) {
    const std::string text = text_of(entry, "text");
    CAPTURE(text);
    CHECK(ids_of(*from_json, text) == to_ids(entry["unigram"]));
    CHECK(ids_of(*from_pieces, text) == to_ids(entry["unigram"]));
  }
  CHECK(from_json->padding()->id == 1);
  CHECK(ids_of(*from_json, "a house with a garden", 3).size() == 3);
  CHECK(ids_of(*from_json, "a house with a garden", 3).back() == 1);
}

TEST_CASE("with a name of Hugging Face's, CLIP's vocabulary has Hugging Face's special tokens, after cleaning") {
  const auto folder = std::make_unique<TemporaryFolder>();
  const auto merges = clip_merges();
  folder->write("tokenizer.json", tokenizer_json(clip_tokens_by_id(merges), merges, MergeSpelling::text));
  folder->write("open_clip_config.json", config_of(R"("hf_tokenizer_name": "openai/clip-vit-base-patch32")"));
  const auto named = load(*folder);
  CHECK(ids_of(*named, "a <|endoftext|> &amp; b") == Ids{49406, 320, 49407, 261, 321, 49407});
  folder->write("open_clip_config.json", config_of(""));
  const auto simple = load(*folder);
  CHECK(ids_of(*simple, "a <end_of_text> &amp; b") == Ids{49406, 320, 49407, 261, 321, 49407});
}

TEST_CASE("settings of tokenizers that are not supported are refused by name") {
  has(fault(*clip_folder(R"("tokenizer_mode": "clips")"), ErrorCode::unsupported),
      "text_cfg.tokenizer_mode is \"clips\"");
  for (const char* argument : {R"("reduction_mask": "simple")", R"("strip_sep_token": true)", R"("language": "en")"}) {
    has(fault(*clip_folder(std::string(R"("tokenizer_kwargs": {)") + argument + "}"), ErrorCode::unsupported),
        "text_cfg.tokenizer_kwargs is wrong");
  }
  has(fault(*clip_folder(R"("tokenizer_kwargs": {"clean": "whitespace"})"), ErrorCode::unsupported),
      "clean is \"whitespace\"");
  has(fault(*clip_folder(R"("tokenizer_kwargs": 1)"), ErrorCode::corrupt_data), "tokenizer_kwargs is");
  const auto folder = unigram_folder();
  folder->write("open_clip_config.json", config_of(R"("hf_tokenizer_name": "timm/ViT-B-16-SigLIP")"));
  has(fault(*folder, ErrorCode::unsupported), "clean is \"canonicalize\"");
}

TEST_CASE("references nested without end are resolved in bounded time") {
  const auto tokenizer = load(*clip_folder(""));
  const auto nested = [](std::size_t levels) {
    std::string text = "&";
    for (std::size_t i = 0; i < levels; ++i) text += "amp;";
    return text + " a";
  };
  CHECK(ids_of(*tokenizer, nested(6)) == ids_of(*tokenizer, "& a"));
  // Quadratic time would be minutes, which the time limit of the tests ends.
  CHECK_FALSE(ids_of(*tokenizer, nested(250'000)).empty());
}

TEST_CASE("without a pad_token a unigram tokenizer is refused: padding is part of what SigLIP's tower reads") {
  const auto folder = unigram_folder();
  std::filesystem::remove(folder->path() / "tokenizer_config.json");
  has(fault(*folder, ErrorCode::not_found), "download tokenizer_config.json");
}

TEST_CASE("settings that contradict a unigram tokenizer, or cut texts at their start, are refused") {
  const auto folder = unigram_folder();
  const auto refuses = [&](const std::string& settings, ErrorCode code, const std::string& part) {
    folder->write("tokenizer_config.json", "{\"pad_token\":\"</s>\"," + settings + "}");
    has(fault(*folder, code), part);
  };
  refuses(R"("eos_token":"<unk>")", ErrorCode::corrupt_data, "eos_token of tokenizer_config.json");
  refuses(R"("truncation_side":"left")", ErrorCode::unsupported, "truncation_side is \"left\"");
  folder->write("tokenizer_config.json", R"({"pad_token":"</s>"})");
  folder->write("tokenizer.json", replaced(read_file(folder->path() / "tokenizer.json"), "\"truncation\": null",
                                           "\"truncation\": {\"direction\": \"Left\"}"));
  has(fault(*folder, ErrorCode::unsupported), "truncation.direction is \"Left\"");
}

TEST_CASE("files that are missing are named with where to download them") {
  TemporaryFolder folder;
  folder.write("open_clip_config.json", config_of(""));
  has(fault(folder, ErrorCode::not_found), "tokenizer.json of openai/clip-vit-base-patch32");
  folder.write("open_clip_config.json", config_of(k_canonical));
  has(fault(folder, ErrorCode::not_found), "of timm/ViT-B-16-SigLIP2 into the folder");
}

TEST_CASE("parts of a unigram tokenizer.json that are not T5's are refused by name") {
  const auto folder = unigram_folder();
  const std::string json = read_file(folder->path() / "tokenizer.json");
  rapidjson::Document parsed;
  parsed.Parse(json.data(), json.size());
  const auto refuses = [&](const std::string& from, const std::string& to, const std::string& part) {
    const std::size_t at = json.find(from);
    REQUIRE(at != std::string::npos);
    folder->write("tokenizer.json", std::string(json).replace(at, from.size(), to));
    const auto loaded = load_open_clip_tokenizer(folder->path());
    REQUIRE_FALSE(loaded.ok());
    has(loaded.error().message, part);
  };
  refuses("\"Metaspace\"", "\"ByteLevel\"", "pre_tokenizer is");
  refuses("\"Precompiled\"", "\"Lowercase\"", "normalizer");
  refuses("\"unk_id\"", "\"no_unk_id\"", "model.unk_id");
  refuses("\"TemplateProcessing\"", "\"BertProcessing\"", "post_processor is");
}

TEST_CASE("references of HTML are replaced as Python's html.unescape replaces them") {
  CHECK(unescape_html("&copycat &notit; &lt;&lt &unknown; &") == "\u00A9cat \u00ACit; << &unknown; &");
  CHECK(unescape_html("&#65;&#x42&#0;&#xD800;&#1;&#128;&#99999999999;") == "AB\uFFFD\uFFFD\u20AC\uFFFD");
  CHECK(unescape_complete_html("&copycat &eacute; &EACUTE; &SZLIG; &#59; &nTILDE;") ==
        "&copycat \u00E9 \u00C9 SS &#59; &nTILDE;");
}

TEST_CASE("a text that is not UTF-8 or too long is refused") {
  const auto tokenizer = load(*clip_folder(""));
  CHECK(tokenizer->encode("caf\xE9", 77, Truncate::end).error().code == ErrorCode::invalid_argument);
  CHECK(tokenizer->encode("a b c d", 5, Truncate::none).error().code == ErrorCode::invalid_argument);
  CHECK(ids_of(*tokenizer, "a b c d", 5, Truncate::start) == Ids{49406, 321, 322, 323, 49407});
}

}  // namespace sightline::models
