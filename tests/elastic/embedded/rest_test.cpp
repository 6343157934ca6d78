#include <doctest/doctest.h>
#include <string>
#include <tuple>
#include <vector>

#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_merge.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/pretty_json.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic::rest {
namespace {

http::Request request(http::Method method, const std::string& path, const std::string& query = {}) {
  http::Request request;
  request.method = method;
  request.path = path;
  request.query = query;
  return request;
}

http::Response answer_ok(const http::Request&) {
  http::Response response;
  response.body = R"({"a":1,"b":{"c":[{"d":2,"e":3}]}})";
  return response;
}

std::string header(const http::Response& response, const char* name) {
  return std::string(response.headers.get(name).value_or(""));
}

std::string by_path(std::string_view json, std::string_view filter_path) {
  return PathFilter::parse(filter_path, 1024)->apply(json);
}

TEST_CASE("broken JSON is described with its position") {
  const auto error = [](const char* json) {
    const auto tape = JsonTape::parse(json);
    REQUIRE_FALSE(tape.ok());
    return tape.error();
  };
  for (const auto& [json, position] : {std::pair("{bad", "[1:2] "),
                                       {"this is not json", "[1:1] "},
                                       {"{\"a\" 1}", "[1:6] "},
                                       {"{\"a\":1 \"b\":2}", "[1:8] "},
                                       {"{\"a\":[1 2]}", "[1:9] "},
                                       {"{\"a\":1,\"a\":2}", "[1:8] Duplicate field 'a'"},
                                       {"{\"a\":\n\n  nope}", "[3:3] "}}) {
    CAPTURE(json);
    CHECK(error(json).type == "x_content_parse_exception");
    CHECK_MESSAGE(error(json).reason.starts_with(position), error(json).reason);
  }
  CHECK(error("{\"a\":1").type == "x_content_e_o_f_exception");
  CHECK(error("{\"a\":\"x").type == "x_content_e_o_f_exception");
  CHECK(error("{} {}").type == "illegal_argument_exception");
}

TEST_CASE("hostile nesting, NULs and bytes that are not UTF-8 are refused") {
  CHECK_FALSE(JsonTape::parse(std::string(100'000, '[')).ok());
  CHECK_FALSE(parse_json(std::string(100'000, '[')).ok());
  CHECK(JsonTape::parse(std::string(1000, '[') + std::string(1000, ']')).ok());
  CHECK_FALSE(JsonTape::parse(std::string(1001, '[') + std::string(1001, ']')).ok());
  CHECK_FALSE(JsonTape::parse(std::string_view("{\"a\":1}\0{", 9)).ok());
  CHECK_FALSE(JsonTape::parse("{\"a\":\"\xff\"}").ok());
  CHECK_FALSE(JsonTape::parse("").ok());
}

TEST_CASE("a tape knows every value's bytes and decodes its strings") {
  const std::string text = R"({ "a\u0062" : [ 1.50 , "x\ny" , {} ] , "n" : -0 })";
  const auto tape = JsonTape::parse(text);
  REQUIRE(tape.ok());
  const std::size_t list = tape->member(0, "ab");
  REQUIRE(list != 0);
  CHECK((*tape)[list].size == 3);
  CHECK(tape->raw(list + 1) == "1.50");
  CHECK((*tape)[list + 2].text == "x\ny");
  CHECK(tape->raw(list + 2) == "\"x\\ny\"");
  CHECK(tape->raw(tape->member(0, "n")) == "-0");
  CHECK(tape->member(0, "none") == 0);
}

TEST_CASE("a source filter keeps numbers byte by byte and drops what is left empty") {
  const std::string source = R"({"t":1.50,"o":{"x":1e3,"y":2},"list":[{"x":1},{"z":2}],"v":[0.10]})";
  SourceFilter filter;
  filter.includes = {"t", "o.x"};
  CHECK(filter_source(source, filter) == R"({"t":1.50,"o":{"x":1e3}})");
  filter.includes = {"*.x"};
  CHECK(filter_source(source, filter) == R"({"o":{"x":1e3},"list":[{"x":1}]})");
  filter.includes = {"o"};
  filter.excludes = {"o.y"};
  CHECK(filter_source(source, filter) == R"({"o":{"x":1e3}})");
  filter.includes = {};
  filter.excludes = {"list", "v"};
  CHECK(filter_source(source, filter) == R"({"t":1.50,"o":{"x":1e3,"y":2}})");
}

TEST_CASE("a source is filtered without regard to what it leaves out") {
  SourceFilter names;
  names.includes = {"name", "o.x"};
  const std::string source = R"({"data":"say \"hi\", {[","name":"a","o":{"x":[1,2],"y":3}})";
  CHECK(filter_source(source, names) == R"({"name":"a","o":{"x":[1,2]}})");
}

TEST_CASE("a star stands for any text, and a pattern takes time in proportion to its length") {
  for (const auto& [pattern, text, fits] : std::vector<std::tuple<std::string, std::string, bool>>{
           {"", "", true},          {"", "a", false},          {"*", "", true},           {"**", "abc", true},
           {"a", "a", true},        {"a", "ab", false},        {"a*", "ab", true},        {"*a", "ba", true},
           {"*a", "ab", false},     {"a*a", "a", false},       {"a*a", "aa", true},       {"a*b*c", "a-b-b-c", true},
           {"a*b*c", "a-c", false}, {"*ab*ab*", "abab", true}, {"*ab*ab*", "aba", false}, {"ab*bc", "abc", false},
           {"*abcd", "bcd", false}, {"*bcd", "bcd", true},     {"bcda*", "bcd", false},   {"bcd*", "bcd", true},
           {"*b*c*d*", "bcd", true}}) {
    CAPTURE(pattern);
    CAPTURE(text);
    CHECK(wildcard_match(pattern, text) == fits);
  }
  // Half a million times a million steps if each place were tried.
  CHECK_FALSE(wildcard_match("*" + std::string(500'000, 'a') + "b*", std::string(1'000'000, 'a')));
  std::string stars;
  for (int i = 0; i < 100'000; ++i) stars += "*a";
  CHECK_FALSE(wildcard_match(stars + "*b*", std::string(1'000'000, 'a')));
  // A pattern that is much longer than the text is not read to its end.
  const std::string words(10'000'000, 'a');
  for (const std::string& pattern : {words, words + "*", "*" + words, "a*" + words + "*a"}) {
    for (int i = 0; i < 100'000; ++i) REQUIRE_FALSE(wildcard_match(pattern, "aaa"));
  }
  CHECK(compact_pattern("**a***b*c") == "*a*b*c");
}

TEST_CASE("members of large objects are merged as those of small ones, in time in proportion to their number") {
  std::string base = "{", patch = "{", expected = "{";
  constexpr int k_members = 300'000;  // takes minutes if each is searched for
  for (int i = 0; i < k_members; ++i) {
    const std::string comma = i == 0 ? "" : ",", name = std::to_string(i);
    base += comma + "\"b" + name + "\":{\"x\":" + name + "}";
    patch += comma + "\"" + (i % 2 == 0 ? "b" : "c") + name + "\":{\"y\":1}";
    expected += comma + "\"b" + name + "\":{\"x\":" + name + (i % 2 == 0 ? ",\"y\":1}" : "}");
  }
  for (int i = 1; i < k_members; i += 2) expected += ",\"c" + std::to_string(i) + "\":{\"y\":1}";
  const auto merged = merge_json(base + "}", patch + "}");
  REQUIRE(merged);
  CHECK(merged->changed);
  CHECK((merged->text == expected + "}"));
  CHECK_FALSE(merge_json("{\"o\":" + base + "}}", "{\"o\":" + base + "}}")->changed);
}

TEST_CASE("a source filter takes keys with dots for paths, and leaves out what it emptied") {
  const std::string source =
      R"({"a.b":1,"a":{"b":2,"c.d":{"e":3}},"o":[{"p":3},{"q":4}],"off":{"q":1},"none":{},"empty":[]})";
  const auto shown = [&](const std::string& includes, const std::string& excludes) {
    SourceFilter filter;
    CHECK_FALSE(read_source_parameter("_source_includes", includes, filter));
    CHECK_FALSE(read_source_parameter("_source_excludes", excludes, filter));
    return filter_source(source, filter);
  };
  CHECK(shown("a", "") == R"({"a.b":1,"a":{"b":2,"c.d":{"e":3}}})");
  CHECK(shown("a.c", "") == R"({"a":{"c.d":{"e":3}}})");
  CHECK(shown(" a.b ", "") == R"({"a.b":1,"a":{"b":2}})");
  CHECK(shown("a,o", "a.c, o.p") == R"({"a.b":1,"a":{"b":2},"o":[{"q":4}]})");
  CHECK(shown("", "a,off.q,o.*") == R"({"none":{},"empty":[]})");
  CHECK(shown("**.e,****q****", "") == R"({"a":{"c.d":{"e":3}},"o":[{"q":4}],"off":{"q":1}})");
}

TEST_CASE("filter_path takes names, wildcards and exclusions") {
  const std::string json = R"({"took":1,"hits":{"total":2,"hits":[{"_id":"1","_score":0.5},{"_id":"2"}]}})";
  CHECK(by_path(json, "hits.hits._id,took") == R"({"took":1,"hits":{"hits":[{"_id":"1"},{"_id":"2"}]}})");
  CHECK(by_path(json, "hits.*._score") == R"({"hits":{"hits":[{"_score":0.5}]}})");
  CHECK(by_path(json, "**._id") == R"({"hits":{"hits":[{"_id":"1"},{"_id":"2"}]}})");
  CHECK(by_path(json, "-hits.hits") == R"({"took":1,"hits":{"total":2}})");
  CHECK(by_path(json, "hits,-hits.hits") == R"({"hits":{"total":2}})");
  CHECK(by_path(json, " took , , nothing") == R"({"took":1})");
  CHECK(by_path(json, "nothing") == "{}");
}

TEST_CASE("pretty JSON looks as Elasticsearch's") {
  CHECK(*pretty_json(R"({"a":1,"b":{"c":[]},"d":[1,2]})", 1000) ==
        "{\n  \"a\" : 1,\n  \"b\" : {\n    \"c\" : [ ]\n  },\n  \"d\" : [\n    1,\n    2\n  ]\n}\n");
}

TEST_CASE("the router answers unknown paths, methods and parameters as Elasticsearch does") {
  Router router;
  struct Read {
    std::string routing;
    bool flag = false;
  };
  const ParameterTable<Read> read{
      {{{"routing", "text", parameter::into<&Read::routing, parameter::text>},
        {"flag", "flag", parameter::into<&Read::flag, parameter::flag>},
        parameter::no_effect("timeout", "time", parameter::check_time, "nothing is waited for"),
        parameter::only_some("explain", "flag", parameter::only_false, "`false`")}}};
  const ParameterTable<Read> none{{}};
  const auto ok = [](const http::Request&, const PathParameters& path, const Read& parameters) {
    http::Response response;
    response.body = path.get("index") + "/" + path.get("id") + parameters.routing + (parameters.flag ? "!" : "");
    return response;
  };
  router.add<Read>({http::Method::get, http::Method::head}, "/{index}/_doc/{id}", read, ok);
  router.add<Read>({http::Method::put}, "/{index}/_doc/{id}", none, ok);
  router.add<Read>({http::Method::get}, "/{index}", none, ok);
  router.add<Read>({http::Method::post}, "/_bulk", none, ok);

  CHECK(router.handle(request(http::Method::get, "/a/_doc/b%20c", "routing=x&pretty&flag=")).body == "a/b cx!");
  // The last of several counts, and every value is checked.
  CHECK(router.handle(request(http::Method::get, "/a/_doc/b", "routing=x&routing=y")).body == "a/by");
  for (const char* wrong : {"flag=snow", "timeout=snow", "timeout=", "explain=true", "explain=snow", "pretty=snow",
                            "error_trace=snow", "format=yaml", "human=7"}) {
    CAPTURE(wrong);
    CHECK(router.handle(request(http::Method::get, "/a/_doc/b", wrong)).status == 400);
  }
  for (const char* right : {"timeout=1s", "explain=false", "format=json", "filter_path=a"}) {
    CAPTURE(right);
    CHECK(router.handle(request(http::Method::get, "/a/_doc/b", right)).body == "a/b");
  }
  const auto unknown = router.handle(request(http::Method::get, "/a/_doc/b", "foo=1&bar"));
  CHECK(unknown.status == 400);
  CHECK(unknown.body.find("request [/a/_doc/b] contains unrecognized parameters: [bar], [foo]") != std::string::npos);
  const auto method = router.handle(request(http::Method::patch, "/a/_doc/b"));
  CHECK(method.status == 405);
  CHECK(header(method, "Allow") == "GET,PUT,HEAD");
  CHECK(
      method.body ==
      R"({"error":"Incorrect HTTP method for uri [/a/_doc/b] and method [PATCH], allowed: [GET, PUT, HEAD]","status":405})");
  const auto options = router.handle(request(http::Method::options, "/a/_doc/b"));
  CHECK(options.status == 200);
  CHECK(header(options, "Allow") == "GET,PUT,HEAD");
  // The fixed path wins: GET /_bulk is no index of that name.
  CHECK(router.handle(request(http::Method::get, "/_bulk")).status == 405);
  const auto nowhere = router.handle(request(http::Method::get, "/a/_b/c", "d=e"));
  CHECK(nowhere.status == 400);
  CHECK(nowhere.body == R"({"error":"no handler found for uri [/a/_b/c?d=e] and method [GET]"})");
  CHECK_FALSE(router.try_handle(request(http::Method::post, "/a/_doc/b")).has_value());
}

TEST_CASE("every answer carries the product header, and HEAD loses its body") {
  const RestLayer rest(answer_ok);
  auto get = request(http::Method::get, "/a");
  get.headers.set("X-Opaque-Id", "42");
  const auto response = rest(std::move(get));
  CHECK(header(response, "X-elastic-product") == "Elasticsearch");
  CHECK(header(response, "X-Opaque-Id") == "42");
  CHECK(response.content_type == "application/json");
  const auto head = rest(request(http::Method::head, "/a"));
  CHECK(head.body.empty());
  CHECK(header(head, "X-elastic-product") == "Elasticsearch");
  CHECK(rest(request(http::Method::get, "/a", "filter_path=b.c.d")).body == R"({"b":{"c":[{"d":2}]}})");
  CHECK(rest(request(http::Method::get, "/a", "pretty&filter_path=a")).body == "{\n  \"a\" : 1\n}\n");
  CHECK(header(error_response(413, "too large"), "X-elastic-product") == "Elasticsearch");
}

TEST_CASE("media types are agreed on as Elasticsearch 9 does it") {
  const RestLayer rest(answer_ok);
  const auto ask = [&](const char* content_type, const char* accept, const char* body) {
    auto post = request(http::Method::post, "/a");
    if (*content_type != '\0') post.headers.set("Content-Type", content_type);
    if (*accept != '\0') post.headers.set("Accept", accept);
    post.body = body;
    return rest(std::move(post));
  };
  const char* v8 = "application/vnd.elasticsearch+json; compatible-with=8";
  const char* v9 = "application/vnd.elasticsearch+json; compatible-with=9";
  CHECK(ask(v9, v9, "{}").content_type == "application/vnd.elasticsearch+json;compatible-with=9");
  CHECK(ask("", v8, "").content_type == "application/vnd.elasticsearch+json;compatible-with=8");
  CHECK(ask("", "application/vnd.elasticsearch+json; compatible-with=9,text/plain", "").status == 200);
  CHECK(ask(v9, v8, "{}").status == 400);
  CHECK(ask(v9, "application/json", "{}").status == 400);
  CHECK(ask("", "application/vnd.elasticsearch+json; compatible-with=7", "").status == 400);
  CHECK(ask("application/x-ndjson", "*/*", "{}").status == 200);
  CHECK(ask("application/json; charset=utf-8", "", "{}").status == 200);
  const auto text = ask("text/plain", "", "{}");
  CHECK(text.status == 406);
  CHECK(text.body == R"({"error":"Content-Type header [text/plain] is not supported","status":406})");
  CHECK(ask("", "", "{}").body == R"({"error":"Content-Type header [] is not supported","status":406})");
  CHECK(ask("foo", "", "{}").status == 400);
}

}  // namespace
}  // namespace sightline::elastic::rest
