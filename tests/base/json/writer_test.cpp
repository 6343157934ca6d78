#include "base/json/writer.h"

#include <doctest/doctest.h>

#include "base/json/document.h"
#include "base/json/utf8.h"

namespace sightline::json {
namespace {

TEST_CASE("invalid UTF-8 is detected") {
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
  // The bytes behind the end would complete it.
  CHECK(find_invalid_utf8(std::string_view("ab\xC3\xA9", 3)) == 2);
  CHECK(find_invalid_utf8(std::string_view("\xF0\x9F\x8F\xA0", 3)) == 0);
}

TEST_CASE("strings are written as JSON, whatever bytes they hold") {
  CHECK(json_string("a\"b\\c\n\t\r\b\f\x01/") == R"("a\"b\\c\n\t\r\b\f\u0001/")");
  CHECK(json_string("caf\xC3\xA9 \xFF!") == "\"caf\xC3\xA9 \xEF\xBF\xBD!\"");
  CHECK(json_string("cut \xE2\x82") == "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST_CASE("the writer repairs strings and keys that are not UTF-8") {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key(std::string("k\xFF"));
  writer.String("v\xED\xA0\x80");
  writer.Key("n", 1);
  writer.String(std::string("caf\xC3\xA9"));
  writer.EndObject();
  CHECK(std::string(buffer.GetString()) == "{\"k\xEF\xBF\xBD\":\"v\\uD800\",\"n\":\"caf\xC3\xA9\"}");
  rapidjson::Value broken(rapidjson::StringRef("\xFF"));
  CHECK(text_of(broken) == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("half of a surrogate pair is written as Elasticsearch writes it") {
  CHECK(json_string("a\xED\xA0\xBD"
                    "b") == R"("a\uD83Db")");
  CHECK(json_string("\xED\xB8\x80\xED\xA0\xBD") == R"("\uDE00\uD83D")");
  CHECK(json_string("cut \xED\xA0") == "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\"");
  std::string valid;
  append_valid_utf8(valid,
                    "a\xED\xA0\xBD"
                    "b\xFF");
  CHECK(valid ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD");
  CHECK(java_utf8("a\xED\xA0\xBD"
                  "b \xED\x95\x9C \xF0\x9F\x98\x80") == "a?b \xED\x95\x9C \xF0\x9F\x98\x80");
}

TEST_CASE("no text that a program writes passes for a number") {
  const std::string text = std::string(1, k_number_mark) + "1,\"x\":2";
  CHECK(json_string(text) ==
        "\"\xEF\xBF\xBD"
        "1,\\\"x\\\":2\"");
  rapidjson::StringBuffer buffer;
  AsWrittenWriter writer(buffer);
  writer.String(text);
  CHECK(std::string(buffer.GetString()) == json_string(text));
}

TEST_CASE("an indented text is UTF-8 too, also its keys") {
  rapidjson::StringBuffer buffer;
  PrettyWriter writer(buffer);
  writer.SetIndent(' ', 1);
  writer.StartObject();
  writer.Key(std::string("k\xE9"));
  writer.String(std::string("caf\xE9 \"\xC3\xA9\"\n"));
  writer.Key("plain");
  writer.StartArray();
  writer.String("a");
  writer.EndArray();
  writer.EndObject();
  CHECK(std::string(buffer.GetString()) ==
        "{\n \"k\xEF\xBF\xBD\": \"caf\xEF\xBF\xBD \\\"\xC3\xA9\\\"\\n\",\n \"plain\": [\n  \"a\"\n ]\n}");
}

TEST_CASE("the first bytes of a text end with a whole character") {
  CHECK(first_bytes("abc", 3) == "abc");
  CHECK(first_bytes("abc", 2) == "ab");
  CHECK(first_bytes("a\xE2\x82\xAC", 4) == "a\xE2\x82\xAC");
  for (const std::size_t most : {1u, 2u, 3u}) CHECK(first_bytes("a\xE2\x82\xAC", most) == "a");
  CHECK(first_bytes("\xE2\x82\xAC", 1).empty());
}

}  // namespace
}  // namespace sightline::json
