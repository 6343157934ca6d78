#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

using namespace sightline::elastic::rest;

TEST_CASE("skimming a checked text gives the tokens that parsing gives") {
  for (const std::string text :
       {R"({})", R"([])", R"({"a":1})",
        R"( { "a" : [ 1 , -2.5e3 , true , false , null ] , "b" : { "c" : "d" } } )",
        R"({"quo\"te":"back\\","uni":"\u00e9\ud83d\ude00","x":"\\\"","":""})", R"([[],[{}],{"a":[]}])",
        R"("text")", R"({"a":{"b":{"c":[{"d":"e"},{"d":"f"}]}},"g":"h"})"}) {
    CAPTURE(text);
    const auto parsed = JsonTape::parse(text);
    const auto skimmed = JsonTape::skim(text);
    REQUIRE(parsed.ok());
    REQUIRE(skimmed);
    REQUIRE(skimmed->size() == parsed->size());
    for (std::size_t i = 0; i < parsed->size(); ++i) {
      const JsonToken &a = (*parsed)[i], &b = (*skimmed)[i];
      CHECK(a.kind == b.kind);
      CHECK(a.next == b.next);
      CHECK(a.size == b.size);
      CHECK(a.begin == b.begin);
      CHECK(a.end == b.end);
      CHECK(a.text == b.text);
    }
  }
}

TEST_CASE("skimming broken text ends within it") {
  const std::string text = R"({"a":["b\"c",1,{"d":null}],"e":"\u00e9"})";
  for (std::size_t length = 0; length < text.size(); ++length)
    CHECK_FALSE(JsonTape::skim(text.substr(0, length)));
  for (const char* broken : {"", "}", "]", "\"", "\"\\", "{\"a", "[\"\\\"]", "{}{}", "[1]2"}) {
    CAPTURE(broken);
    CHECK_FALSE(JsonTape::skim(broken));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'"', '\\', '{', '}', '[', ']', '\0'}) {
      std::string damaged = text;
      damaged[i] = c;
      (void)JsonTape::skim(damaged);
    }
  }
}

TEST_CASE("a source is filtered without regard to what it leaves out") {
  SourceFilter names;
  names.includes = {"name", "o.x"};
  const std::string source = R"({"data":"say \"hi\", {[","name":"a","o":{"x":[1,2],"y":3}})";
  CHECK(filter_source(source, names) == R"({"name":"a","o":{"x":[1,2]}})");
}
