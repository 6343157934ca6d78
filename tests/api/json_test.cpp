#include "server/api/json.h"

#include <doctest/doctest.h>

namespace sightline::api {
namespace {

TEST_CASE("UTF-8 is told from what is not") {
  for (const char* good : {"", "plain", "caf\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8F\xA0", "\xF4\x8F\xBF\xBF",
                           "sixteen letters \xE2\x82\xAC and more behind"}) {
    CHECK_FALSE(find_invalid_utf8(good).has_value());
  }
  struct Case {
    const char* text;
    std::size_t offset;
  };
  for (const Case& bad : {Case{"\x80", 0},
                          {"ab\xC3", 2},
                          {"\xC0\x80", 0},
                          {"\xE0\x80\x80", 0},
                          {"\xED\xA0\x80", 0},
                          {"\xF0\x80\x80\x80", 0},
                          {"\xF4\x90\x80\x80", 0},
                          {"\xFF", 0},
                          {"12345678\xE2\x82z", 8}}) {
    CHECK(find_invalid_utf8(bad.text) == bad.offset);
  }
}

TEST_CASE("strings are written as JSON, whatever bytes they hold") {
  CHECK(json_string("a\"b\\c\n\t\x01") == R"("a\"b\\c\n\t\u0001")");
  CHECK(json_string("caf\xC3\xA9 \xFF!") == "\"caf\xC3\xA9 \xEF\xBF\xBD!\"");
}

TEST_CASE("parsing in place keeps strings, escapes and numbers") {
  std::string text = R"({"a":"x\u00e9\"y","b":[1,2.5,true,null],"c":{"d":"\ud83c\udfe0"}})";
  const auto document = parse_json(text);
  REQUIRE(document.ok());
  CHECK(as_view((*document)["a"]) == "x\xC3\xA9\"y");
  CHECK((*document)["b"][1].GetDouble() == 2.5);
  CHECK(as_view((*document)["c"]["d"]) == "\xF0\x9F\x8F\xA0");
}

TEST_CASE("depth and number of values are bounded exactly") {
  const JsonLimits limits{3, 5};
  std::string fits = "[[[1]]]", deep = "[[[[]]]]", many = "[1,2,3,4,5]", full = "[1,2,3,4]";
  CHECK(parse_json(fits, limits).ok());
  CHECK(parse_json(full, limits).ok());
  CHECK(parse_json(deep, limits).error().message ==
        "the body nests deeper than 3 levels (at byte 3 of the body)");
  CHECK(parse_json(many, limits).error().code == ErrorCode::too_large);
}

}  // namespace
}  // namespace sightline::api
