#include "server/api/json.h"

#include <doctest/doctest.h>

namespace sightline::api {
namespace {

TEST_CASE("reading keeps strings, escapes and numbers") {
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
  CHECK(parse_json(deep, limits).error().message == "the body nests deeper than 3 levels (at byte 3 of the body)");
  CHECK(parse_json(many, limits).error().code == ErrorCode::too_large);
}

}  // namespace
}  // namespace sightline::api
