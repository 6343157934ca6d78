#include "base/json/builder.h"

#include <doctest/doctest.h>
#include <vector>

namespace sightline::json {
namespace {

TEST_CASE("a builder writes nested objects and arrays, and closes what is open") {
  Builder body;
  body.object().member("object", "list").array("data");
  for (int i = 0; i < 2; ++i) body.object().member("index", i).array("values").value(i).value(-i).end().end();
  body.end().object("usage").end().array("none").end().object("meta").member("last", true);
  CHECK(body.text() == R"({"object":"list","data":[{"index":0,"values":[0,0]},{"index":1,"values":[1,-1]}],)"
                       R"("usage":{},"none":[],"meta":{"last":true}})");
  CHECK(Builder().array().text() == "[]");
  CHECK(Builder().value(nullptr).text() == "null");
}

TEST_CASE("a builder writes each kind of value") {
  Builder body;
  const std::string text = "a\"b\\\xFF";
  body.object().member("text", text).member(text, std::string_view("v")).member("yes", true).member("no", false);
  body.member("null", nullptr).member("large", std::uint64_t{18446744073709551615u}).member("small", std::int64_t{-5});
  body.member("float", 0.1f).member("double", 1.0).member("third", 1.0 / 3);
  body.member("vector", std::vector<float>{0.5f, -1.0f}).member("raw", Raw{"[1, 2]"});
  body.member_if("some", std::optional<std::string>("{[:")).member_if("none", std::optional<int>());
  body.member("names", std::vector<std::string>{"a", "\n"})
      .member("list", std::vector<int>{})
      .member_or_null("empty", "");
  body.member_or_null("full", "x").member("own", [](std::string& out) { out += "7"; });
  CHECK(body.text() ==
        "{\"text\":\"a\\\"b\\\\\xEF\xBF\xBD\",\"a\\\"b\\\\\xEF\xBF\xBD\":\"v\",\"yes\":true,\"no\":false,"
        "\"null\":null,\"large\":18446744073709551615,\"small\":-5,"
        "\"float\":0.1,\"double\":1.0,\"third\":0.3333333333333333,"
        "\"vector\":[0.5,-1],\"raw\":[1, "
        "2],\"some\":\"{[:\",\"names\":[\"a\",\"\\n\"],\"list\":[],\"empty\":null,\"full\":\"x\",\"own\":7}");
}

TEST_CASE("a builder that opens nothing makes a list for another") {
  CHECK(Builder().text() == "");
  const std::string members = Builder().member("a", 1).member("b", "2").text();
  CHECK(members == R"("a":1,"b":"2")");
  CHECK(Builder().object().list("").list(members).list("").member("c", 3).text() == R"({"a":1,"b":"2","c":3})");
  CHECK(Builder().array().list("1,2").value(3).text() == "[1,2,3]");
}

}  // namespace
}  // namespace sightline::json
