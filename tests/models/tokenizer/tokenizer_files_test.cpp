#include <ctime>
#include <doctest/doctest.h>

#include "clip_vocabulary.h"
#include "models/tokenizer/tokenizer.h"

namespace sightline::models {
namespace {

using Ids = std::vector<std::int32_t>;
using MergeList = std::vector<std::pair<std::string, std::string>>;

/// A vocabulary of the byte alphabet, four merges and BOS, EOS: 518 ids.
const MergeList k_few_merges{{"c", "a"}, {"ca", "t</w>"}, {"d", "o"}, {"do", "g</w>"}};

std::vector<std::string> few_tokens() {
  return clip_tokens_by_id(k_few_merges);
}
std::string small_json() {
  return tokenizer_json(few_tokens(), k_few_merges, MergeSpelling::text);
}

std::unique_ptr<Tokenizer> load(const TemporaryFolder& folder) {
  auto loaded = load_tokenizer(folder.path());
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  return *std::move(loaded);
}

Ids encode(const Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.encode(text, 77, Truncate::end)->ids;
}

std::string load_error(const std::string& json, ErrorCode code) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", json);
  const auto loaded = load_tokenizer(folder.path());
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().code == code);
  CHECK(loaded.error().message.find(folder.path().string()) != std::string::npos);
  return loaded.error().message;
}

}  // namespace

TEST_CASE("all spellings of the files give the same ids") {
  const MergeList merges = clip_merges();
  const std::vector<std::string> tokens = clip_tokens_by_id(merges);
  REQUIRE(tokens.size() == 49408);
  const TemporaryFolder older, newer;
  older.write("tokenizer.json", tokenizer_json(tokens, merges, MergeSpelling::text));
  newer.write("tokenizer.json", tokenizer_json(tokens, merges, MergeSpelling::pair));
  for (const TemporaryFolder* folder : {&older, &newer}) {
    const auto tokenizer = load(*folder);
    CHECK(tokenizer->vocabulary_size() == 49408);
    CHECK(encode(*tokenizer, "naïve NAÏVE <|endoftext|>") ==
          Ids{49406, 1097, 35689, 563, 1097, 35689, 563, 49407, 49407});
  }
}

TEST_CASE("a vocabulary of any size is taken; ids come from it and not from their order") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", small_json());
  const auto tokenizer = load(folder);
  CHECK(tokenizer->vocabulary_size() == 518);
  CHECK(encode(*tokenizer, "Cat dog") == Ids{516, 513, 515, 517});
  CHECK(encode(*tokenizer, "ca") == Ids{516, 'c' - '!', 256 + 'a' - '!', 517});

  folder.write("tokenizer.json", replaced(small_json(), "\"cat</w>\":513", "\"cat</w>\":9000"));
  const auto other = load(folder);
  CHECK(other->vocabulary_size() == 9001);
  CHECK(encode(*other, "cat") == Ids{516, 9000, 517});
}

TEST_CASE("a pattern that begins with the special tokens is CLIP's too") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", replaced(small_json(), "\"'s|'t", R"("<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t)"));
  CHECK(encode(*load(folder), "cat<|endoftext|>") == Ids{516, 513, 517, 517});
}

TEST_CASE("TemplateProcessing gives BOS and EOS as RobertaProcessing does") {
  const TemporaryFolder folder;
  std::string json = replaced(
      small_json(),
      R"({"type":"RobertaProcessing","sep":["<|endoftext|>",517],"cls":["<|startoftext|>",516],"trim_offsets":false,"add_prefix_space":false})",
      R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"B","type_id":0}},{"Sequence":{"id":"A","type_id":0}},)"
      R"({"SpecialToken":{"id":"E","type_id":0}}],"pair":[],"special_tokens":{"B":{"id":"B","ids":[516],"tokens":["B"]},)"
      R"("E":{"id":"E","ids":[517],"tokens":["E"]}}})");
  folder.write("tokenizer.json", json);
  CHECK(encode(*load(folder), "dog") == Ids{516, 515, 517});

  CHECK(load_error(replaced(json, "\"ids\":[517]", "\"ids\":[]"), ErrorCode::corrupt_data)
            .ends_with("post_processor.special_tokens[\"E\"] does not have exactly one id"));
  CHECK(load_error(replaced(json, R"({"SpecialToken":{"id":"B","type_id":0}},)", ""), ErrorCode::unsupported)
            .find("post_processor.single") != std::string::npos);
}

TEST_CASE("an added token that is not normalised is found only as it is written") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", replaced(small_json(), "\"added_tokens\":[",
                                          R"("added_tokens":[{"id":600,"content":"CaT","normalized":false},)"));
  const auto tokenizer = load(folder);
  CHECK(encode(*tokenizer, "CaT cat") == Ids{516, 600, 513, 517});
  CHECK(tokenizer->vocabulary_size() == 601);
}

TEST_CASE("of added tokens the leftmost is found, then the longest") {
  const TemporaryFolder folder;
  std::string added;
  const std::vector<std::string> tokens{"<a", "<a10", "<", "<a1", "<b>", "a10>", "<a1"};  // of equal ones the first
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    added += "{\"id\":" + std::to_string(600 + i) + ",\"content\":\"" + tokens[i] + "\",\"normalized\":false},";
  }
  folder.write("tokenizer.json", replaced(small_json(), "\"added_tokens\":[", "\"added_tokens\":[" + added));
  const auto tokenizer = load(folder);
  CHECK(encode(*tokenizer, "<a10>") == Ids{516, 601, 256 + '>' - '!', 517});
  CHECK(encode(*tokenizer, "<a1<a<<b><b") == Ids{516, 603, 600, 602, 604, 602, 256 + 'b' - '!', 517});
  CHECK(encode(*tokenizer, "a10>") == Ids{516, 605, 517});
  CHECK(encode(*tokenizer, "<a10><a1") == Ids{516, 601, 256 + '>' - '!', 603, 517});
}

TEST_CASE("a hundred thousand added tokens are loaded and found in seconds") {
  const TemporaryFolder folder;
  std::string added;
  for (int i = 0; i < 100'000; ++i) {
    added += "{\"id\":" + std::to_string(600 + i) + ",\"content\":\"<a" + std::to_string(i) +
             ">\",\"normalized\":" + (i % 2 == 0 ? "true" : "false") + "},";
  }
  folder.write("tokenizer.json", replaced(small_json(), "\"added_tokens\":[", "\"added_tokens\":[" + added));
  const std::clock_t begin = std::clock();
  const auto tokenizer = load(folder);
  CHECK(encode(*tokenizer, "<a99998><a5>") == Ids{516, 600 + 99998, 605, 517});
  CHECK(tokenizer->encode(std::string(60'000, '<'), 77, Truncate::end).ok());
  CHECK(std::clock() - begin < 20 * CLOCKS_PER_SEC);
}

TEST_CASE("tokens of vocab.json's folder are cut out of texts as by transformers") {
  const TemporaryFolder folder;
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : k_few_merges) merges += left + " " + right + "\n";
  folder.write("vocab.json", vocabulary_json(few_tokens()));
  folder.write("merges.txt", merges);
  const int bang = 0, word_bang = 256;
  CHECK(encode(*load(folder), "cat!") == Ids{516, 513, word_bang, 517});

  // SDXL's second tokenizer.
  folder.write("special_tokens_map.json", R"({"pad_token":"!"})");
  CHECK(encode(*load(folder), "cat! <|EndOfText|>") == Ids{516, 513, bang, 517, 517});
  folder.write("tokenizer_config.json", R"({"pad_token":"!","bos_token":{"content":"<|startoftext|>"}})");
  CHECK(encode(*load(folder), "cat!!") == Ids{516, 513, bang, bang, 517});
  folder.write("special_tokens_map.json", R"({"additional_special_tokens":["ca",{"content":"og</w>"}]})");
  CHECK(load_tokenizer(folder.path()).error().message ==
        (folder.path() / "special_tokens_map.json").string() +
            ": additional_special_tokens[1] is \"og</w>\", which has no id: neither the vocabulary nor "
            "added_tokens_decoder or added_tokens.json has it; download all files of the same tokenizer");
  folder.write("special_tokens_map.json", R"({"additional_special_tokens":["ca"]})");
  CHECK(encode(*load(folder), "cat Cat") == Ids{516, 512, 256 + 't' - '!', 513, 517});

  // Several names of one token: those of every CLIP come first, and are found in any case of letters.
  folder.write("special_tokens_map.json", "{}");
  folder.write("tokenizer_config.json", R"({"pad_token":"<|endoftext|>"})");
  CHECK(encode(*load(folder), "<|EndOfText|>") == Ids{516, 517, 517});
  folder.write("tokenizer_config.json",
               R"({"added_tokens_decoder":{"517":{"content":"<|endoftext|>","normalized":false}}})");
  CHECK(encode(*load(folder), "<|EndOfText|>").size() > 3);

  // Tokens beside the vocabulary.
  folder.write("tokenizer_config.json", "{}");
  folder.write("special_tokens_map.json", "{}");
  folder.write("added_tokens.json", R"({"<New>":518})");
  CHECK(encode(*load(folder), "<new>cat<NEW>") == Ids{516, 518, 513, 518, 517});
  CHECK(load(folder)->vocabulary_size() == 519);
  folder.write("tokenizer_config.json", R"({"added_tokens_decoder":{"519":{"content":"<New>","special":true}}})");
  CHECK(encode(*load(folder), "<New>cat") == Ids{516, 519, 513, 517});  // added_tokens.json is of older files
  CHECK(encode(*load(folder), "<new>cat").size() > 4);                  // special: only as it is written
}

TEST_CASE("special tokens that tokenizer_config.json adds to tokenizer.json are cut out of texts, too") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", small_json());
  folder.write("tokenizer_config.json",
               R"({"pad_token":"!","mask_token":"<none>","additional_special_tokens":["ca"]})");
  CHECK(encode(*load(folder), "cat! <|EndOfText|>") == Ids{516, 512, 256 + 't' - '!', 0, 517, 517});
  CHECK(load(folder)->vocabulary_size() == 518);
}

TEST_CASE("added tokens that contradict the vocabulary, or that are not supported, are refused by file and place") {
  const TemporaryFolder folder;
  std::string merges;
  for (const auto& [left, right] : k_few_merges) merges += left + " " + right + "\n";
  folder.write("vocab.json", vocabulary_json(few_tokens()));
  folder.write("merges.txt", merges);
  const auto fault = [&](const char* file, const std::string& content) {
    folder.write(file, content);
    const auto refused = load_tokenizer(folder.path());
    folder.write(file, "{}");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.starts_with((folder.path() / file).string() + ": "));
    return refused.error().message;
  };
  const auto has = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const char* const config = "tokenizer_config.json";
  has(fault(config, R"({"added_tokens_decoder":{"5":{"content":"cat</w>"}}})"),
      "added_tokens_decoder[\"5\"] gives \"cat</w>\" the id 5, but the vocabulary gives it 513");
  has(fault(config, R"({"added_tokens_decoder":{"5x":{"content":"<a>"}}})"),
      "added_tokens_decoder[\"5x\"] lacks an id or a content");
  has(fault(config, R"({"added_tokens_decoder":{"600":"<a>"}})"), "added_tokens_decoder[\"600\"] is not a token");
  has(fault(config, R"({"added_tokens_decoder":[]})"), "added_tokens_decoder is not an object");
  has(fault(config, R"({"added_tokens_decoder":{"600":{"content":"<a>","single_word":true}}})"),
      "added_tokens_decoder[\"600\"].single_word is true");
  has(fault(config, R"({"pad_token":"<pad>"})"), "pad_token is \"<pad>\", which has no id");
  has(fault(config, R"({"additional_special_tokens":"!"})"), "additional_special_tokens is neither a list");
  has(fault("added_tokens.json", R"({"<a>":"600"})"), "\"<a>\" has no id");
}

TEST_CASE("a pipeline that is not CLIP's is refused by the name of the part") {
  const std::vector<std::tuple<std::string, std::string, std::string>> changes{
      {R"("type":"BPE")", R"("type":"WordLevel")", "model.type is \"WordLevel\""},
      {R"("end_of_word_suffix":"</w>")", R"("end_of_word_suffix":null)", "model.end_of_word_suffix"},
      {R"("continuing_subword_prefix":"")", R"("continuing_subword_prefix":"##")", "model.continuing_subword_prefix"},
      {R"("byte_fallback":false)", R"("byte_fallback":true)", "model.byte_fallback is true"},
      {R"("ignore_merges":false)", R"("ignore_merges":true)", "model.ignore_merges is true"},
      {R"("dropout":null)", R"("dropout":0.1)", "model.dropout"},
      {R"({"type":"NFC"},)", "", "normalizer.normalizers"},
      {R"("type":"NFC")", R"("type":"NFKC")", "normalizer.normalizers[0] is \"NFKC\""},
      {R"("Regex":"\\s+")", R"("Regex":"\\s")", "normalizer.normalizers[1]"},
      {R"([\\p{N}])", R"([\\p{N}]+)", "pre_tokenizer.pretokenizers[0].pattern"},
      {R"("behavior":"Removed")", R"("behavior":"Isolated")", "pre_tokenizer.pretokenizers[0]"},
      {R"("add_prefix_space":false,"trim_offsets":true)", R"("add_prefix_space":true)",
       "pre_tokenizer.pretokenizers[1].add_prefix_space"},
      {R"("type":"ByteLevel")", R"("type":"Metaspace")", "pre_tokenizer"},
      {R"("type":"RobertaProcessing")", R"("type":"Sequence")", "post_processor is \"Sequence\""},
      {R"("id":517,"content":"<|endoftext|>","single_word":false)",
       R"("id":517,"content":"<|endoftext|>","single_word":true)", "added_tokens[1].single_word"},
  };
  for (const auto& [from, to, part] : changes) {
    CAPTURE(part);
    const std::string message = load_error(replaced(small_json(), from, to), ErrorCode::unsupported);
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
    CHECK(message.ends_with("and XLM-RoBERTa's unigram model are supported in tokenizer.json"));
  }
}

TEST_CASE("a file that contradicts itself is refused by file and place") {
  const std::vector<std::tuple<std::string, std::string, std::string>> changes{
      {"\"cat</w>\":513,", "", "merge 2 (\"ca\" + \"t</w>\") needs \"cat</w>\""},
      {"\"cat</w>\":513", "\"cat</w>\":-1", "model.vocab[\"cat</w>\"] is not an id"},
      {"\"cat</w>\":513", "\"cat</w>\":4000000000", "model.vocab[\"cat</w>\"] is not an id"},
      {"\"d o\"", "\"d o o\"", "model.merges[2]"},
      {"\"d o\"", "\"do\"", "model.merges[2]"},
      {"\"d o\"", "7", "model.merges[2]"},
      {R"("sep":["<|endoftext|>",517])", R"("sep":["<|endoftext|>"])", "post_processor.sep"},
      {R"("unk_token":"<|endoftext|>")", R"("unk_token":"<unk>")", "model.unk_token \"<unk>\""},
      {R"("content":"<|endoftext|>")", R"("content":"")", "added_tokens[1]"},
  };
  for (const auto& [from, to, part] : changes) {
    CAPTURE(part);
    const std::string message = load_error(replaced(small_json(), from, to), ErrorCode::corrupt_data);
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
  }
  CHECK(load_error("{\"model\": ", ErrorCode::corrupt_data).find("is not JSON") != std::string::npos);
  CHECK(load_error("[]", ErrorCode::corrupt_data).find("does not hold a JSON object") != std::string::npos);
  CHECK(load_error(std::string(1 << 20, '['), ErrorCode::corrupt_data).find("is not JSON") != std::string::npos);
}

TEST_CASE("a folder without a tokenizer says what it should hold") {
  const TemporaryFolder folder;
  const auto loaded = load_tokenizer(folder.path());
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().code == ErrorCode::not_found);
  CHECK(loaded.error().message ==
        folder.path().string() +
            " contains no tokenizer: neither tokenizer.json, nor vocab.json with merges.txt, nor vocab.txt, nor "
            "spiece.model");

  folder.write("vocab.json", vocabulary_json(few_tokens()));
  CHECK(load_tokenizer(folder.path()).error().message ==
        (folder.path() / "merges.txt").string() + " cannot be opened: No such file or directory");
}

TEST_CASE("bos_token and eos_token may not contradict tokenizer.json") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", small_json());
  folder.write("tokenizer_config.json", R"({"bos_token":"<|startoftext|>","eos_token":{"content":"<|endoftext|>"}})");
  CHECK(load_tokenizer(folder.path()).ok());
  folder.write("special_tokens_map.json", R"({"bos_token":"<|endoftext|>"})");
  CHECK(load_tokenizer(folder.path()).ok());  // the first file counts
  folder.write("special_tokens_map.json", "{}");
  for (const auto& [key, token] : {std::pair{"bos_token", "<|endoftext|>"}, {"eos_token", "cat</w>"}}) {
    folder.write("tokenizer_config.json", "{\"" + std::string(key) + "\":\"" + token + "\"}");
    const auto refused = load_tokenizer(folder.path());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::corrupt_data);
    CHECK(refused.error().message.find(std::string(key) + " of tokenizer_config.json") != std::string::npos);
  }
}

TEST_CASE("texts that are cut at their start by default are refused, in every family") {
  const std::filesystem::path fixtures = fixture_path("..");
  const auto fault = [](const TemporaryFolder& folder) {
    const auto loaded = load_tokenizer(folder.path());
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.error().code == ErrorCode::unsupported);
    return loaded.error().message;
  };
  const std::vector<std::pair<const char*, std::string>> families{
      {"tokenizer.json", small_json()},
      {"tokenizer.json", read_file(fixtures / "models/jina-clip-f32/tokenizer.json")},
      {"tokenizer.json", read_file(fixtures / "models/jina-clip-v2-f16/tokenizer.json")},
      {"tokenizer.json", read_file(fixture_path("gemma_tokenizer.json"))},
      {"spiece.model", read_file(fixtures / "models/siglip-f32/spiece.model")},
      {"vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n"},
  };
  for (const auto& [file, content] : families) {
    const TemporaryFolder folder;
    folder.write(file, content);
    folder.write("tokenizer_config.json", R"({"truncation_side":"right","padding_side":"right"})");
    const auto loaded = load_tokenizer(folder.path());
    CHECK_MESSAGE(loaded.ok(), loaded.error().message);
    folder.write("tokenizer_config.json", R"({"truncation_side":"left","padding_side":"right"})");
    CHECK(fault(folder).find("tokenizer_config.json: truncation_side is \"left\"") != std::string::npos);
  }
  const TemporaryFolder folder;
  folder.write("tokenizer.json",
               replaced(small_json(), R"("truncation":null)", R"("truncation":{"direction":"Left"})"));
  CHECK(fault(folder).find("tokenizer.json: truncation.direction is \"Left\"") != std::string::npos);
  folder.write("tokenizer_config.json", R"({"truncation_side":"right"})");
  CHECK(load_tokenizer(folder.path()).ok());
}

TEST_CASE("a token that a vocabulary has twice is refused") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", replaced(small_json(), "\"cat</w>\":513", "\"cat</w>\":513,\"c\\u0061t</w>\":514"));
  CHECK(load_tokenizer(folder.path()).error().message.find("has the key \"cat</w>\" twice") != std::string::npos);
}

TEST_CASE("vocab.json and merges.txt take their special tokens from the files beside them") {
  const TemporaryFolder folder;
  std::vector<std::string> tokens = few_tokens();
  tokens[516] = "<s>";
  folder.write("vocab.json", vocabulary_json(tokens));
  folder.write("merges.txt", "#version: 0.2\r\nc a\r\nca t</w>\nd o\ndo g</w>\n");
  CHECK(load_tokenizer(folder.path()).error().message ==
        (folder.path() / "vocab.json").string() + " lacks \"<|startoftext|>\", the bos_token");
  folder.write("special_tokens_map.json", R"({"bos_token":{"content":"<s>"},"eos_token":"<|endoftext|>"})");
  CHECK(encode(*load(folder), "cat<s>") == Ids{516, 513, 516, 517});

  folder.write("merges.txt", "#version: 0.2\nc a\nca t</w> x\n");
  CHECK(load_tokenizer(folder.path()).error().message ==
        (folder.path() / "merges.txt").string() + " line 3 is not \"a b\"");
}

}  // namespace sightline::models
