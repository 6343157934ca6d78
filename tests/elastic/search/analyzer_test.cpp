#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "server/elastic/embedded/search/analyzers.h"

using namespace sightline::elastic;

namespace {

std::vector<std::string> terms(std::string_view text, std::string_view analyzer = "standard") {
  std::vector<std::string> out;
  const auto tokens = analyze_text(analyzer, text);
  REQUIRE(tokens);
  for (const Token& token : *tokens) out.push_back(token.term);
  return out;
}

using Terms = std::vector<std::string>;

}  // namespace

TEST_CASE("words are cut and lower-cased as Elasticsearch 9.2 answered to _analyze") {
  const auto tokens = standard_tokens("The 2nd café, O'Neil's e-mail");
  const Terms expected = {"the", "2nd", "café", "o'neil's", "e", "mail"};
  const std::vector<std::pair<unsigned, unsigned>> offsets = {{0, 3},   {4, 7},   {8, 12},
                                                              {14, 22}, {23, 24}, {25, 29}};
  REQUIRE(tokens.size() == expected.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    CHECK(tokens[i].term == expected[i]);
    CHECK(tokens[i].start == offsets[i].first);
    CHECK(tokens[i].end == offsets[i].second);
    CHECK(tokens[i].position == i);
    CHECK(tokens[i].type == TokenType::alphanum);
  }
}

TEST_CASE("numbers keep their points and commas, words their inner points, and neither those at the end") {
  CHECK(terms("3.14 and 1,000.5; 1. 2.") == Terms{"3.14", "and", "1,000.5", "1", "2"});
  CHECK(terms("www.example.com. U.S.A.") == Terms{"www.example.com", "u.s.a"});
  CHECK(terms("a.1 1.a") == Terms{"a", "1", "1", "a"});
  CHECK(terms("snake_case _ __x __ 7_8") == Terms{"snake_case", "__x", "7_8"});
  CHECK(standard_tokens("1,000.5 7_8")[0].type == TokenType::num);
}

TEST_CASE("scripts without blanks come apart as in Lucene") {
  CHECK(terms("我是中国人") == Terms{"我", "是", "中", "国", "人"});
  CHECK(standard_tokens("我")[0].type == TokenType::ideographic);
  CHECK(terms("ひらがな") == Terms{"ひ", "ら", "が", "な"});
  CHECK(terms("カタカナ") == Terms{"カタカナ"});
  CHECK(standard_tokens("カタカナ")[0].type == TokenType::katakana);
  CHECK(terms("안녕하세요 한글입니다") == Terms{"안녕하세요", "한글입니다"});
  CHECK(standard_tokens("한글")[0].type == TokenType::hangul);
  CHECK(terms("การที่ได้ต้องแสดง") == Terms{"การที่ได้ต้องแสดง"});
  CHECK(standard_tokens("การ")[0].type == TokenType::southeast_asian);
}

TEST_CASE("marks stay with their letters, and Hebrew keeps its quotes") {
  CHECK(terms("moe\xCC\x88 z") == Terms{"moe\xCC\x88", "z"});
  CHECK(terms("צה\"ל") == Terms{"צה\"ל"});
  CHECK(terms("ÄÖÜ ΣΑΣ İ") == Terms{"äöü", "σασ", "i"});
}

TEST_CASE("an emoji sequence is one token") {
  CHECK(terms("a 😀 b").size() == 3);
  CHECK(standard_tokens("😀")[0].type == TokenType::emoji);
  CHECK(standard_tokens("😀")[0].end == 2);  // two UTF-16 units
  CHECK(terms("👨‍👩‍👧‍👦").size() == 1);
  CHECK(terms("👍🏽").size() == 1);
  CHECK(terms("🇫🇷🇩🇪").size() == 2);
  CHECK(terms("#️⃣ 1️⃣").size() == 2);
}

TEST_CASE("a token longer than 255 UTF-16 units is cut there") {
  const std::string word(600, 'a');
  const auto tokens = standard_tokens(word);
  REQUIRE(tokens.size() == 3);
  CHECK(tokens[0].term.size() == 255);
  CHECK(tokens[1].term.size() == 255);
  CHECK(tokens[2].term.size() == 90);
  CHECK(tokens[2].start == 510);
}

TEST_CASE("ten megabytes without a blank are cut in linear time") {
  const std::string long_word(10'000'000, 'x');
  CHECK(standard_tokens(long_word).size() == (10'000'000 + 254) / 255);
}

TEST_CASE("nothing, blanks and broken UTF-8 give no token and do no harm") {
  CHECK(terms("").empty());
  CHECK(terms(" .,;!? \t\n").empty());
  CHECK(terms("a\xFF\xFE"
              "b\xC3") == Terms{"a", "b"});
}

TEST_CASE("the other analyzers") {
  CHECK(terms("Don't 2 Stop", "simple") == Terms{"don", "t", "stop"});
  CHECK(terms("Don't  2\tStop", "whitespace") == Terms{"Don't", "2", "Stop"});
  CHECK(terms("Don't Stop", "keyword") == Terms{"Don't Stop"});
  CHECK(terms("The End of it", "stop") == Terms{"end"});
  CHECK_FALSE(analyze_text("german", "x"));
}
