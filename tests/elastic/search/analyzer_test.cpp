#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "server/elastic/embedded/search/standard_analyzer.h"

using namespace sightline::elastic;

namespace {

std::vector<std::string> terms(std::string_view text) {
  std::vector<std::string> out;
  each_token(text, [&](std::string&& token) { out.push_back(std::move(token)); });
  return out;
}

using Terms = std::vector<std::string>;

}  // namespace

TEST_CASE("words are cut and lower-cased as Elasticsearch 9.2 answered to _analyze") {
  CHECK(terms("The 2nd café, O'Neil's e-mail") == Terms{"the", "2nd", "café", "o'neil's", "e", "mail"});
}

TEST_CASE("numbers keep their points and commas, words their inner points, and neither those at the end") {
  CHECK(terms("3.14 and 1,000.5; 1. 2.") == Terms{"3.14", "and", "1,000.5", "1", "2"});
  CHECK(terms("www.example.com. U.S.A.") == Terms{"www.example.com", "u.s.a"});
  CHECK(terms("a.1 1.a") == Terms{"a", "1", "1", "a"});
  CHECK(terms("snake_case _ __x __ 7_8") == Terms{"snake_case", "__x", "7_8"});
}

TEST_CASE("scripts without blanks come apart as in Lucene") {
  CHECK(terms("我是中国人") == Terms{"我", "是", "中", "国", "人"});
  CHECK(terms("ひらがな") == Terms{"ひ", "ら", "が", "な"});
  CHECK(terms("カタカナ") == Terms{"カタカナ"});
  CHECK(terms("안녕하세요 한글입니다") == Terms{"안녕하세요", "한글입니다"});
  CHECK(terms("การที่ได้ต้องแสดง") == Terms{"การที่ได้ต้องแสดง"});
}

TEST_CASE("marks stay with their letters, and Hebrew keeps its quotes") {
  CHECK(terms("moe\xCC\x88 z") == Terms{"moe\xCC\x88", "z"});
  CHECK(terms("צה\"ל") == Terms{"צה\"ל"});
  CHECK(terms("ÄÖÜ ΣΑΣ İ") == Terms{"äöü", "σασ", "i"});
}

TEST_CASE("an emoji sequence is one token") {
  CHECK(terms("a 😀 b").size() == 3);
  CHECK(terms("👨‍👩‍👧‍👦").size() == 1);
  CHECK(terms("👍🏽").size() == 1);
  CHECK(terms("🇫🇷🇩🇪").size() == 2);
  CHECK(terms("#️⃣ 1️⃣").size() == 2);
}

TEST_CASE("a token longer than 255 UTF-16 units is cut there") {
  const std::string word(600, 'a');
  const auto tokens = terms(word);
  REQUIRE(tokens.size() == 3);
  CHECK(tokens[0].size() == 255);
  CHECK(tokens[1].size() == 255);
  CHECK(tokens[2].size() == 90);
}

TEST_CASE("ten megabytes without a blank are cut in linear time") {
  const std::string long_word(10'000'000, 'x');
  CHECK(terms(long_word).size() == (10'000'000 + 254) / 255);
}

TEST_CASE("nothing, blanks and broken UTF-8 give no token and do no harm") {
  CHECK(terms("").empty());
  CHECK(terms(" .,;!? \t\n").empty());
  CHECK(terms("a\xFF\xFE"
              "b\xC3") == Terms{"a", "b"});
}
