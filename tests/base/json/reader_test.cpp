#include "base/json/reader.h"

#include <doctest/doctest.h>
#include <string>

#include "base/json/document.h"
#include "base/json/writer.h"

namespace sightline::json {
namespace {

using Kind = Fault::Kind;

/// Writes the tokens down with their places.
struct Recorder {
  std::string seen;
  std::size_t stop_after = 1'000'000, calls = 0;

  bool note(const std::string& what, std::size_t begin, std::size_t end) {
    seen += what + "@" + std::to_string(begin) + "-" + std::to_string(end) + " ";
    return ++calls < stop_after;
  }
  bool scalar(json::Kind kind, std::string_view text, Place p) {
    const std::string quote = kind == json::Kind::string ? "'" : "";
    return note(quote + std::string(text) + quote, p.begin, p.end);
  }
  bool key(std::string_view decoded, Place p) { return note(std::string(decoded) + ":", p.begin, p.end); }
  bool open(json::Kind kind, std::size_t at) { return note(kind == json::Kind::object ? "{" : "[", at, at + 1); }
  bool close(json::Kind kind, std::size_t n, std::size_t end) {
    return note(std::to_string(n) + (kind == json::Kind::object ? "}" : "]"), end - 1, end);
  }
};

Fault fault_of(std::string_view text, const Limits& limits = {}) {
  Recorder recorder;
  return read(text, limits, recorder);
}

TEST_CASE("tokens come in order, with their places and numbers as written") {
  Recorder recorder;
  const std::string text = R"( {"a": [1.50,-0 , "x\n"],"b":{ },"":[ ], "c" :true} )";
  CHECK_FALSE(read(text, {}, recorder));
  CHECK(recorder.seen ==
        "{@1-2 a:@2-5 [@7-8 1.50@8-12 -0@13-15 'x\n'@18-23 3]@23-24 b:@25-28 {@29-30 0}@31-32 :@33-35 [@36-37 "
        "0]@38-39 c:@41-44 true@46-50 4}@50-51 ");
}

TEST_CASE("each fault is named with its place") {
  struct Case {
    std::string text;
    Kind kind;
    std::size_t offset;
  };
  for (const Case& c : {Case{"", Kind::empty, 0},
                        {" \n", Kind::empty, 2},
                        {"nul", Kind::bad_value, 0},
                        {"[1,]", Kind::bad_value, 3},
                        {"[", Kind::bad_value, 1},
                        {"{\"a\":", Kind::bad_value, 5},
                        {"+1", Kind::bad_value, 0},
                        {".5", Kind::bad_value, 0},
                        {"-", Kind::bad_number, 1},
                        {"1.", Kind::bad_number, 2},
                        {"1e+", Kind::bad_number, 3},
                        {"[01]", Kind::missing_comma_in_array, 2},
                        {"{a:1}", Kind::missing_key, 1},
                        {"{\"a\":1,}", Kind::missing_key, 7},
                        {"{", Kind::missing_key, 1},
                        {"{\"a\" 1}", Kind::missing_colon, 5},
                        {"{\"a\":1 \"b\":2}", Kind::missing_comma_in_object, 7},
                        {"{\"a\":1]", Kind::missing_comma_in_object, 6},
                        {"[1}", Kind::missing_comma_in_array, 2},
                        {"\"abc", Kind::unclosed_string, 0},
                        {"\"abc\\", Kind::unclosed_string, 0},
                        {"\"a\nb\"", Kind::control_character, 2},
                        {"\"\\q\"", Kind::bad_escape, 1},
                        {"\"\\u12g4\"", Kind::bad_unicode_escape, 1},
                        {"\"\\ud800\"", Kind::bad_unicode_escape, 1},
                        {"\"\\ud800\\u0041\"", Kind::bad_unicode_escape, 1},
                        {"\"\\udc00\"", Kind::bad_unicode_escape, 1},
                        {"\"\\udc00\\udc00\"", Kind::bad_unicode_escape, 1},
                        {"\"\\ud800xxdc00\"", Kind::bad_unicode_escape, 1},
                        {"\"a\xFF\"", Kind::invalid_utf8, 2},
                        {"\"a\\n\xED\xA0\x80\"", Kind::invalid_utf8, 4},
                        {"1 2", Kind::text_after_end, 2},
                        {std::string("{}\0", 3), Kind::text_after_end, 2},
                        {"[1 /* x */]", Kind::missing_comma_in_array, 3}}) {
    CAPTURE(c.text);
    const Fault fault = fault_of(c.text);
    CHECK(fault.kind == c.kind);
    CHECK(fault.offset == c.offset);
    CHECK_FALSE(message(fault).empty());
  }
}

TEST_CASE("escapes are decoded, and surrogate pairs joined") {
  CHECK(decoded_string(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(decoded_string(R"("caf\u00e9 \u20AC \ud83c\udfe0 \u0000")") ==
        std::string("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8F\xA0 \0", 16));
  CHECK_FALSE(decoded_string("\"open").has_value());
  CHECK_FALSE(decoded_string("\"a\"b").has_value());
  CHECK_FALSE(decoded_string("1").has_value());
}

TEST_CASE("strings of every length end where they end") {
  for (std::size_t length = 0; length < 40; ++length) {
    for (std::size_t at = 0; at <= length; ++at) {
      std::string text(length, 'x');
      CHECK(decoded_string("\"" + text + "\"") == text);
      text.insert(at, "\xC3\xA9");
      CHECK(decoded_string("\"" + text + "\"") == text);
      CHECK_FALSE(decoded_string("\"" + text.substr(0, at) + "\x1F" + text.substr(at) + "\"").has_value());
    }
  }
}

TEST_CASE("depth, values and bytes are bounded exactly") {
  const Limits limits{.max_depth = 3, .max_values = 5, .max_bytes = 12};
  CHECK_FALSE(fault_of("[[[1]]]", limits));
  CHECK(fault_of("[[[[]]]]", limits).kind == Kind::too_deep);
  CHECK_FALSE(fault_of("[1,2,3,4]", limits));
  CHECK(fault_of("[1,2,3,4,5]", limits).kind == Kind::too_many_values);
  CHECK_FALSE(fault_of("{\"a\":1,\"b\":2}", {.max_values = 5}));
  CHECK(fault_of("{\"a\":1,\"b\":2}", {.max_values = 4}).kind == Kind::too_many_values);
  CHECK(fault_of("\"12345678901\"", limits).kind == Kind::too_many_bytes);
  CHECK(fault_of(std::string(100'000, '[')).kind == Kind::too_deep);
  CHECK(message(fault_of("[[[[]]]]", limits), limits) == "arrays and objects nest deeper than 3 levels");
}

TEST_CASE("comments count as whitespace where they are allowed") {
  const Limits limits{.comments = true};
  CHECK_FALSE(fault_of("// one\n[1, /* two */ 2] // end", limits));
  CHECK(fault_of("[1, /* open", limits).kind == Kind::bad_comment);
  CHECK(fault_of("[1, / 2]", limits).kind == Kind::bad_comment);
}

TEST_CASE("a handler may end the reading at any token") {
  const std::string text = R"({"a":[1,"x",null,true],"b":{}})";
  for (std::size_t calls = 1; calls <= 12; ++calls) {
    Recorder recorder;
    recorder.stop_after = calls;
    CHECK(read(text, {}, recorder).kind == Kind::stopped);
    CHECK(recorder.calls == calls);
  }
}

TEST_CASE("a document holds the values, whether its strings are copied or not") {
  const std::string text = R"({"a":"x\u00e9\"y","plain":"xyz","b":[1,-2,2.5,true,null,18446744073709551615,-0]})";
  for (const Strings strings : {Strings::copied, Strings::borrowed}) {
    rapidjson::Document document;
    REQUIRE_FALSE(read_document(text, document, {}, strings));
    CHECK(text_of(document) ==
          "{\"a\":\"x\xC3\xA9\\\"y\",\"plain\":\"xyz\",\"b\":[1,-2,2.5,true,null,18446744073709551615,0]}");
    CHECK(document["b"][0].IsInt());
    CHECK(document["b"][0].IsUint64());
    const char* const plain = document["plain"].GetString();
    const bool is_in_text = plain >= text.data() && plain < text.data() + text.size();
    CHECK(is_in_text == (strings == Strings::borrowed));
  }
}

TEST_CASE("a document that cannot be read is null") {
  rapidjson::Document document;
  REQUIRE_FALSE(read_document("[1]", document));
  const Fault fault = read_document("[1,1e999]", document);
  CHECK(fault.kind == Kind::number_too_large);
  CHECK(fault.offset == 3);
  CHECK(document.IsNull());
  CHECK(read_document("[{\"a\":[1,2", document).kind == Kind::missing_comma_in_array);
  CHECK(document.IsNull());
}

TEST_CASE("a name that an object has twice is found at any depth") {
  const auto duplicate = [](const char* text) {
    rapidjson::Document document;
    REQUIRE_FALSE(read_document(text, document));
    const auto* name = find_duplicate_name(document);
    return name == nullptr ? std::string("none") : std::string(name->GetString());
  };
  CHECK(duplicate(R"({"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]})") == "none");
  CHECK(duplicate(R"({"a":1,"b":[1,{"c":{"d":1,"e":2,"d":3}}]})") == "d");
  CHECK(duplicate(R"({"a":1,"\u0061":2})") == "a");
}

TEST_CASE("a byte order mark in front is no part of the text, and places count it") {
  Recorder recorder;
  CHECK_FALSE(read("\xEF\xBB\xBF [1]", {}, recorder));
  CHECK(recorder.seen == "[@4-5 1@5-6 1]@6-7 ");
  CHECK(fault_of("\xEF\xBB\xBF").kind == Kind::empty);
  CHECK(fault_of("\xEF\xBB\xBF\xEF\xBB\xBF[1]").kind == Kind::bad_value);  // one, as in Elasticsearch 9.2
  CHECK(fault_of(" \xEF\xBB\xBF[1]").kind == Kind::bad_value);
  CHECK(without_byte_order_mark("\xEF\xBB\xBF{}") == "{}");
  CHECK(without_byte_order_mark("\xEF\xBB{}") == "\xEF\xBB{}");
}

TEST_CASE("a text in UTF-16 or UTF-32 is named as one") {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"\xFF\xFE{\0}\0"sv, "\xFE\xFF\0{\0}"sv, "{\0}\0"sv, "\0{\0}"sv, "\0\0\0{"sv, "\0\0\xFE\xFF"sv}) {
    const Fault fault = fault_of(text);
    CHECK(fault.kind == Kind::other_encoding);
    CHECK(message(fault) == "the text is UTF-16 or UTF-32; send it as UTF-8");
  }
}

TEST_CASE("half of a surrogate pair is an error, or a separate character") {
  const Limits java{.lone_surrogates = true};
  const auto decoded = [&](const std::string& text) {
    return decoded_string("\"" + text + "\"", java).value_or("none");
  };
  CHECK(decoded("a\\ud83db") ==
        "a\xED\xA0\xBD"
        "b");
  CHECK(decoded("\\ude00") == "\xED\xB8\x80");
  CHECK(decoded("\\ude00\\ud83d") == "\xED\xB8\x80\xED\xA0\xBD");
  CHECK(decoded("\\ud83d\\ude00") == "\xF0\x9F\x98\x80");
  CHECK(decoded("\\ud83d\\ud83d\\ude00") == "\xED\xA0\xBD\xF0\x9F\x98\x80");
  CHECK(decoded("\\ud83d\\u0041") ==
        "\xED\xA0\xBD"
        "A");
  CHECK(decoded("\\ud83d\\n") == "\xED\xA0\xBD\n");
  CHECK(decoded("\\ud83d\\u00") == "none");
  CHECK(decoded("\\ud83") == "none");
  CHECK(decoded("\xED\xA0\xBD") == "none");  // as bytes it is not UTF-8
  CHECK(decoded_string(R"("\ud83d")") == std::nullopt);
  CHECK(decoded_string(R"("\ude00")") == std::nullopt);
}

TEST_CASE("a document keeps each number as it was written") {
  const std::string text =
      R"([12345678901234567890123,-12345678901234567890,18446744073709551615,9223372036854775807,-0,-0.0,0,1.50,1e5,1E400,0.1000000000000000055511151231257827,{"1.0":-7}])";
  rapidjson::Document document;
  CHECK_FALSE(read_document(text, document, {}, Strings::copied, Numbers::as_written));
  CHECK(text_as_written(document) == text);
  CHECK(document[2].IsUint64());
  CHECK(document[3].IsInt64());
  CHECK(document[6].IsInt());
  CHECK(written_number(document[4]) == "-0");
  CHECK(written_number(document[9]) == "1E400");
  CHECK_FALSE(written_number(document[6]));
  CHECK_FALSE(is_text(document[9]));
  CHECK(is_text(rapidjson::Value("1.50")));
  CHECK_FALSE(read_document(R"("1.50")", document, {}, Strings::copied, Numbers::as_written));
  CHECK(text_as_written(document) == R"("1.50")");
  const Limits java{.lone_surrogates = true};
  const std::string halves = R"(["\uD800","\uDC00","\u0001",1.50])";
  CHECK_FALSE(read_document(halves, document, java, Strings::copied, Numbers::as_written));
  CHECK(text_as_written(document) == halves);
  CHECK(text_as_written(rapidjson::Value("\xE9")) == "\"\xEF\xBF\xBD\"");  // no UTF-8
  CHECK(read_document("[1E400]", document).kind == Kind::number_too_large);
}

}  // namespace
}  // namespace sightline::json
