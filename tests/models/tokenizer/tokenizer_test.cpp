#include "models/tokenizer/tokenizer.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <thread>

#include "clip_vocabulary.h"
#include "tests/models/tokenizer/token_ids.h"

namespace sightline::models {
namespace {

/// OpenAI's tokenizer, loaded once from vocab.json and merges.txt.
const Tokenizer& clip() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    const TemporaryFolder folder;
    folder.write("vocab.json", vocabulary_json(clip_tokens_by_id(clip_merges())));
    folder.write("merges.txt", read_file(fixture_path("clip_merges.txt")));
    auto loaded = load_tokenizer(folder.path());
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    return *std::move(loaded);
  }();
  return *tokenizer;
}

Ids ids_of(std::string_view text, std::size_t max_tokens = k_no_limit) {
  return ids_of(clip(), text, max_tokens);
}

std::string error_of(std::string_view text, std::size_t max_tokens, Truncate truncate, ErrorCode code) {
  const auto prepared = clip().encode(text, max_tokens, truncate);
  REQUIRE_FALSE(prepared.ok());
  CHECK(prepared.error().code == code);
  return prepared.error().message;
}

}  // namespace

TEST_CASE("ids equal those of the reference tokenizer for every recorded string") {
  check_ids(clip(), {.file = "clip_tokens.json", .strings = 359, .max_tokens = 77, .truncated = 5});
}

TEST_CASE("an empty text and a text of white space are BOS and EOS") {
  for (const char* text : {"", " ", "\n\t \r\n", "\u00A0\u2003\u3000\u2028\u0085"}) {
    CHECK(ids_of(text) == Ids{49406, 49407});
  }
}

TEST_CASE("special tokens in a text get their own ids, in any case of letters") {
  CHECK(ids_of("<|endoftext|>") == Ids{49406, 49407, 49407});
  CHECK(ids_of("<|EndOfText|>") == Ids{49406, 49407, 49407});
  CHECK(ids_of("cat<|startoftext|>cat") == Ids{49406, 2368, 49406, 2368, 49407});
  CHECK(ids_of("<|endoftext|") != Ids{49406, 49407, 49407});
}

TEST_CASE("a text over the limit is cut keeping EOS, or refused with both numbers") {
  const auto cut = clip().encode("a photo of a cat", 5, Truncate::end);
  REQUIRE(cut.ok());
  CHECK(cut->ids == Ids{49406, 320, 1125, 539, 49407});
  CHECK(cut->full_length == 7);
  CHECK(cut->truncated());
  CHECK_FALSE(clip().encode("a photo of a cat", 7, Truncate::none)->truncated());
  CHECK(ids_of("a photo of a cat", 2) == Ids{49406, 49407});

  const std::string message = error_of("a photo of a cat", 6, Truncate::none, ErrorCode::invalid_argument);
  CHECK(message == "text has 7 tokens; the model takes 6. Shorten it, or allow truncation");
}

TEST_CASE("a text cut at its start keeps BOS and its end, however long it is") {
  const auto cut = clip().encode("a photo of a cat", 5, Truncate::start);
  REQUIRE(cut.ok());
  CHECK(cut->ids == Ids{49406, 539, 320, 2368, 49407});
  CHECK(cut->full_length == 7);
  CHECK(cut->truncated());
  CHECK(clip().encode("a photo of a cat", 7, Truncate::start)->ids == ids_of("a photo of a cat", 7));
  std::string text;
  for (int i = 0; i < 150'000; ++i) text += "dog ";
  CHECK(clip().encode(text + "a cat", 4, Truncate::start)->ids == Ids{49406, 320, 2368, 49407});
}

TEST_CASE("bytes that are not UTF-8 are refused with their offset") {
  const std::vector<std::pair<std::string, int>> broken{{"\xFF", 0},
                                                        {"ab\x80", 2},
                                                        {"abc\xC3", 3},
                                                        {"a\xC0\x80z", 1},
                                                        {"\xED\xA0\x80", 0},
                                                        {"\xF5\x80\x80\x80", 0},
                                                        {"\xE2\x82", 0},
                                                        {"caf\xC3\xA9 caf\xE9", 9},
                                                        {"\xF4\x90\x80\x80", 0}};
  for (const auto& [text, offset] : broken) {
    const std::string message = error_of(text, 77, Truncate::end, ErrorCode::invalid_argument);
    CHECK(message ==
          "text is not UTF-8: byte " + std::to_string(offset) + " of " + std::to_string(text.size()) + " is invalid");
  }
  CHECK(ids_of(std::string_view("a\0b", 3)).size() == 5);
}

TEST_CASE("a text of megabytes is worked on in slices that change no id") {
  std::string text;
  Ids expected{49406};
  const Ids words{320, 1125, 539, 320, 2368};
  for (int i = 0; i < 6'000; ++i) {
    text += "a photo of a cat\n";
    expected.insert(expected.end(), words.begin(), words.end());
  }
  expected.push_back(49407);
  REQUIRE(text.size() > 100'000);
  CHECK(ids_of(text) == expected);
  CHECK(clip().encode(text, 77, Truncate::end)->full_length == expected.size());
}

TEST_CASE("counting stops at a hundred thousand tokens, and the message says so") {
  std::string text;
  while (text.size() < (8u << 20)) text += "1 2 3 4 ";
  const auto cut = clip().encode(text, 77, Truncate::end);
  REQUIRE(cut.ok());
  CHECK(cut->ids.size() == 77);
  CHECK(cut->full_length >= 100'000);
  CHECK(cut->full_length < 200'000);
  const std::string message = error_of(text, 77, Truncate::none, ErrorCode::invalid_argument);
  CHECK(message.starts_with("text has more than 1"));
}

TEST_CASE("a word of a megabyte takes no quadratic time, and one above is refused") {
  // Quadratic merging of a million bytes would run into the time limit of the test.
  for (const char* unit : {"a", "ab", "\xE6\x97\xA5", "!?"}) {
    std::string word;
    while (word.size() + 3 < (1u << 20)) word += unit;
    CHECK(clip().encode(word, 77, Truncate::end)->ids.size() == 77);
  }
  const std::string message = error_of(std::string((1u << 20) + 1, 'a'), 77, Truncate::end, ErrorCode::too_large);
  CHECK(message == "text has a word of more than 1048576 bytes; add spaces to it or shorten it");
}

TEST_CASE("threads share a tokenizer") {
  const Ids expected = ids_of("a 3-bedroom house with a swimming pool!");
  std::vector<std::thread> threads;
  std::vector<Ids> got(4);
  for (Ids& ids : got) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < 200; ++i)
        ids = clip().encode("a 3-bedroom house with a swimming pool!", 77, Truncate::end)->ids;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Ids& ids : got) CHECK(ids == expected);
}

}  // namespace sightline::models
