// What one request may cost: each limit is named in the error that it leads to.
#include <thread>

#include "base/cancellation.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/pretty_json.h"
#include "server/elastic/rest/rest_layer.h"
#include "tests/base/processor_time.h"
#include "tests/elastic/embedded/store_fixture.h"

namespace sightline::elastic {
namespace {

std::string repeated(const std::string& text, int times, const std::string& between = "") {
  std::string out;
  for (int i = 0; i < times; ++i) out += (i == 0 ? "" : between) + text;
  return out;
}

/// A store of five documents with words, a number, a keyword and a vector each.
class FilledStore : public StoreFixture {
 public:
  explicit FilledStore(const Limits& limits = {}) : StoreFixture(limits) {
    put("/t", R"({"mappings":{"properties":{"k":{"type":"keyword"},"t":{"type":"text"},"n":{"type":"long"},
                 "v":{"type":"dense_vector","dims":2}}}})");
    for (int i = 0; i < 5; ++i) {
      const std::string n = std::to_string(i);
      put("/t/_doc/" + n, R"({"k":"k)" + n + R"(","t":"word w)" + n + R"(","n":)" + n + R"(,"v":[1,)" + n + "]}");
    }
    post("/t/_refresh");
  }
};

/// Writes documents in one bulk; `document(i)` is the i-th.
template <class Document>
void fill(const StoreFixture& store, const std::string& index, int count, const Document& document) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "{\"index\":{\"_id\":\"" + std::to_string(i) + "\"}}\n" + document(i) + "\n";
  REQUIRE(store.post("/" + index + "/_bulk?refresh=true", lines).at("/errors") == "false");
}

bool names(const Reply& reply, const std::string& option) {
  return reply.body.find("--elasticsearch-" + option) != std::string::npos;
}

TEST_CASE("a path of many ** takes no more than the answer's time, and answers as one does") {
  std::string json = "1";
  for (int i = 0; i < 60; ++i) json = R"({"a":)" + json + R"(,"b":[1]})";
  const auto many = rest::PathFilter::parse(repeated("**", 50, ".") + ".nothing", 1024);
  CHECK(many->apply(json) == "{}");
  // Not only neighbours: every ** may end at every level.
  const auto apart = rest::PathFilter::parse(repeated("**.a", 25, ".") + ".nothing", 1024);
  CHECK(apart->apply(json) == "{}");
  CHECK(rest::PathFilter::parse("**.**.a.**.x", 9)->apply(R"({"q":{"a":{"b":{"x":1,"y":2}}}})") ==
        R"({"q":{"a":{"b":{"x":1}}}})");
}

TEST_CASE("a filter_path keeps what Elasticsearch keeps") {
  const auto by = [](const char* path, const char* json) { return rest::PathFilter::parse(path, 99)->apply(json); };
  const char* const json = R"({"t":{"k":{"type":"keyword"},"v":{"type":"dense_vector","dims":4,"o":{"type":"x"}}}})";
  CHECK(by("**.**.type", json) == R"({"t":{"k":{"type":"keyword"},"v":{"type":"dense_vector","o":{"type":"x"}}}})");
  CHECK(by("**", json) == json);
  CHECK(by("t.**", json) == json);
  CHECK(by("**.*", json) == json);
  CHECK(by("-**.type", json) == R"({"t":{"v":{"dims":4}}})");
  CHECK(by("-t.v,t.*.type", json) == R"({"t":{"k":{"type":"keyword"}}})");
  CHECK(by("a.b", R"({ "a" : { "b" : [ ] , "c" : 1 } , "d" : 2 })") == R"({"a":{"b":[ ]}})");
  CHECK(by("x", R"([1,{"y":2}])") == "[]");
  CHECK(by("*.b\\", R"({"a\"":{"b\\":[{"b\\":1},3]}})") == R"({"a\"":{"b\\":[{"b\\":1},3]}})");
}

TEST_CASE("a filter_path of too many levels is refused before the request is handled") {
  Limits limits;
  limits.max_patterns = 10;
  bool handled = false;
  const rest::RestLayer rest(
      [&](http::Request&&) {
        handled = true;
        return http::Response{};
      },
      limits);
  http::Request request;
  request.path = "/";
  request.query = "filter_path=" + repeated("a.b", 6, ",");
  const http::Response response = rest(std::move(request));
  CHECK(response.status == 400);
  CHECK(response.body.find("--elasticsearch-max-patterns") != std::string::npos);
  CHECK_FALSE(handled);
}

TEST_CASE("an answer that pretty would make too large stays compact") {
  // Each of the ones stands on a line of its own, far to the right.
  const std::string json = repeated("[", 90) + repeated("1", 1000, ",") + repeated("]", 90);
  CHECK(rest::pretty_json(json, 1'000'000).has_value());
  CHECK_FALSE(rest::pretty_json(json, 100'000).has_value());
  Limits limits;
  limits.max_answer_bytes = 100'000;
  http::Request request;
  request.query = "pretty";
  http::Response response;
  response.body = json;
  rest::AnswerShape(request, limits).apply(response);
  CHECK(response.status == 200);
  CHECK(response.body == json);
}

TEST_CASE("names and patterns of one list are counted") {
  Limits limits;
  limits.max_patterns = 10;
  const FilledStore store(limits);
  const std::string few = repeated("a*", 10, ","), many = repeated("a*", 11, ",");
  for (const std::string target : {"/t/_doc/1?_source_includes=", "/t/_search?_source_excludes=", "/_alias/"}) {
    CAPTURE(target);
    CHECK_FALSE(names(store.get(target + few), "max-patterns"));
    const Reply refused = store.get(target + many);
    CHECK(refused.status == 400);
    CHECK(names(refused, "max-patterns"));
  }
  CHECK(names(store.get("/" + many + "/_search"), "max-patterns"));
  CHECK(names(store.remove("/t/_alias/" + many), "max-patterns"));
  const std::string list = "[" + repeated("\"a\"", 11, ",") + "]";
  CHECK(names(store.post("/t/_search", R"({"fields":)" + list + "}"), "max-patterns"));
  CHECK(names(store.post("/t/_search", R"({"_source":)" + list + "}"), "max-patterns"));
  const std::string half = "[" + repeated("\"a\"", 6, ",") + "]";
  const std::string both = R"("_source":{"includes":)" + half + R"(,"excludes":)" + half + "}";
  CHECK(names(store.post("/t/_search", "{" + both + "}"), "max-patterns"));
  CHECK(names(store.post("/t/_mget", R"({"docs":[{"_id":"1",)" + both + "}]}"), "max-patterns"));
  CHECK(names(store.post("/t/_mget", R"({"docs":[{"_id":"1","_source":)" + list + "}]}"), "max-patterns"));
}

TEST_CASE("an answer is given up where it grows too large") {
  Limits limits;
  limits.max_answer_bytes = 2000;
  const FilledStore store(limits);
  CHECK(store.post("/t/_search", "{}").status == 200);
  store.put("/t/_doc/large", R"({"x":")" + std::string(1500, 'x') + "\"}");
  store.post("/t/_refresh");
  for (const Reply& reply : {store.post("/t/_search", "{}"), store.post("/t/_mget", R"({"ids":["large","large"]})"),
                             store.post("/_msearch", repeated("{}\n{\"size\":4,\"sort\":\"n\"}\n", 5))}) {
    CAPTURE(reply.body.substr(0, 200));
    CHECK(reply.status == 413);
    CHECK(reply.error_type() == "content_too_long_exception");
    CHECK(names(reply, "max-answer-bytes"));
  }
}

TEST_CASE("answers that are made of many small parts are given up, too") {
  Limits limits;
  limits.max_answer_bytes = 2000;
  const FilledStore store(limits);
  const auto refused = [](const Reply& reply) {
    CAPTURE(reply.body.substr(0, 200));
    CHECK(reply.status == 413);
    CHECK(names(reply, "max-answer-bytes"));
  };
  const std::string tail(40, 'x');
  for (int i = 0; i < 40; ++i) {
    const std::string key = std::to_string(i) + tail;
    store.put("/m/_doc/" + key, R"({"k":")" + key + R"(","l":")" + key + "\"}");
  }
  store.post("/m/_refresh");
  refused(store.post("/m/_search", R"({"size":40,"_source":false})"));
  const auto terms = [](int size) { return R"({"terms":{"field":"k.keyword","size":)" + std::to_string(size) + "}}"; };
  const auto searched = [&](const std::string& aggregations) {
    return store.post("/m/_search", R"({"size":0,"aggs":{)" + aggregations + "}}");
  };
  CHECK(searched("\"a\":" + terms(15)).status == 200);
  refused(searched("\"a\":" + terms(40)));
  refused(searched("\"a\":" + terms(15) + ",\"b\":" + terms(15)));
  for (int i = 0; i < 10; ++i) store.put("/another" + std::to_string(i));
  refused(store.get("/_settings"));
}

TEST_CASE("a search of too many clauses is refused") {
  Limits limits;
  limits.max_clauses = 20;
  const FilledStore store(limits);
  std::string keywords;
  for (int i = 0; i < 21; ++i) keywords += (i == 0 ? "\"w" : ",\"w") + std::to_string(i) + R"(":{"type":"keyword"})";
  store.put("/wide", R"({"mappings":{"properties":{)" + keywords + "}}}");
  const auto should = [](int count) {
    return R"({"query":{"bool":{"should":[)" + repeated(R"({"match":{"t":"word"}})", count, ",") + "]}}}";
  };
  CHECK(store.post("/t/_search", should(19)).at("/hits/total/value") == "5");
  const std::string words = R"({"query":{"match":{"t":")";
  CHECK(store.post("/t/_search", words + repeated("word", 20, " ") + "\"}}}").at("/hits/total/value") == "5");
  CHECK(store.post("/t/_search", R"({"query":{"multi_match":{"query":"w1","fields":["t","k"]}}})").status == 200);
  for (const std::string& body :
       {should(20), words + repeated("word", 21, " ") + "\"}}}",
        R"({"query":{"multi_match":{"query":")" + repeated("a", 11, " ") + R"(","fields":["t","t","k"]}}})",
        R"({"query":{"multi_match":{"query":"a","fields":[)" + repeated("\"t\"", 21, ",") + "]}}}",
        R"({"query":{"bool":{"must":[)" + repeated(R"({"exists":{"field":"*"}})", 6, ",") + "]}}}"}) {
    CAPTURE(body);
    const Reply reply = store.post("/t/_search", body);
    CHECK(reply.status == 400);
    CHECK(names(reply, "max-clauses"));
  }
  CHECK(names(store.post("/t/_count", should(20)), "max-clauses"));
  // A text is read for each field, also one without words.
  const auto blank = [](int fields) {
    return R"({"query":{"multi_match":{"query":")" + std::string(9'000, ' ') + R"(","fields":[)" +
           repeated("\"t\"", fields, ",") + "]}}}";
  };
  CHECK(store.post("/t/_search", blank(6)).status == 200);
  CHECK(names(store.post("/t/_search", blank(7)), "max-clauses"));
  // Fields that no index has, and those that a pattern stands for.
  const auto fields = [](const std::string& list) {
    return R"({"query":{"multi_match":{"query":"a","fields":[)" + list + "]}}}";
  };
  CHECK(store.post("/t/_search", fields(repeated("\"none\"", 19, ","))).status == 200);
  CHECK(names(store.post("/t/_search", fields(repeated("\"none\"", 20, ","))), "max-clauses"));
  CHECK(store.post("/wide/_search", fields("\"w1*\"")).status == 200);
  CHECK(names(store.post("/wide/_search", fields("\"w*\"")), "max-clauses"));
  CHECK(names(store.post("/_msearch", "{}\n" + should(20) + "\n{}\n{}\n"), "max-clauses"));
}

TEST_CASE("each part of a search has its limit") {
  Limits limits;
  limits.max_query_depth = 3;
  limits.max_query_values = 4;
  limits.max_knn_clauses = 2;
  limits.max_knn_candidates = 50;
  limits.max_sort_keys = 2;
  limits.max_aggregations = 2;
  limits.max_searches = 2;
  const FilledStore store(limits);
  const auto search = [&](const std::string& body) { return store.post("/t/_search", body); };
  const auto knn = [](int clauses, const char* candidates) {
    return R"({"knn":[)" +
           repeated(R"({"field":"v","query_vector":[1,0],"k":1,"num_candidates":)" + std::string(candidates) + "}",
                    clauses, ",") +
           "]}";
  };
  CHECK(search(knn(2, "25")).status == 200);
  CHECK(names(search(knn(3, "2")), "max-knn-clauses"));
  CHECK(names(search(knn(2, "26")), "max-knn-candidates"));

  const auto terms = [](const char* values) { return R"({"terms":{"n":)" + std::string(values) + "}}"; };
  CHECK(search(R"({"query":)" + terms("[1,2,3,3]") + "}").at("/hits/total/value") == "3");
  CHECK(names(search(R"({"query":{"bool":{"must":[)" + terms("[1,2,3]") + "," + terms("[1,2]") + "]}}}"),
              "max-query-values"));
  CHECK(names(search(R"({"query":{"ids":{"values":["1","2","3","4","5"]}}})"), "max-query-values"));

  CHECK(search(R"({"sort":["n","k"]})").status == 200);
  CHECK(names(search(R"({"sort":["n","k","n"]})"), "max-sort-keys"));
  CHECK(names(store.get("/t/_search?sort=n,k,n"), "max-sort-keys"));
  CHECK(names(search(R"({"sort":{"n":"asc","k":"asc","_score":"asc"}})"), "max-sort-keys"));

  const auto aggregations = [](int count) {
    std::string body = R"({"size":0,"aggs":{)";
    for (int i = 0; i < count; ++i)
      body += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + R"(":{"max":{"field":"n"}})";
    return body + "}}";
  };
  CHECK(search(aggregations(2)).status == 200);
  CHECK(names(search(aggregations(3)), "max-aggregations"));

  CHECK(store.post("/_msearch", repeated("{}\n{}\n", 2)).status == 200);
  CHECK(names(store.post("/_msearch", repeated("{}\n{}\n", 3)), "max-searches"));

  const std::string deep = R"({"bool":{"must":{"bool":{"must":{"bool":{"must":)", ends = "}}}}}}";
  CHECK(search(R"({"query":)" + deep + R"({"match_all":{}})" + ends + "}").status == 200);
  CHECK(names(search(R"({"query":)" + deep + R"({"bool":{"must":{"match_all":{}}}})" + ends + "}"), "max-query-depth"));
}

TEST_CASE("buckets of all aggregations together are counted before they are written") {
  Limits limits;
  limits.max_buckets = 5;
  const FilledStore store(limits);
  const auto search = [&](int size, int more) {
    return store.post("/t/_search", R"({"size":0,"aggs":{"a":{"terms":{"field":"k","size":)" + std::to_string(size) +
                                        R"(}},"b":{"terms":{"field":"n","size":)" + std::to_string(more) + "}}}}");
  };
  CHECK(search(3, 2).at("/aggregations/a/buckets/2/key") == "k2");
  const Reply refused = search(3, 3);
  CHECK(refused.status == 400);
  CHECK(refused.error_type() == "too_many_buckets_exception");
  CHECK(names(refused, "max-buckets"));
}

TEST_CASE("buckets are counted while they are collected, too") {
  Limits limits;
  limits.max_buckets = 2;
  const StoreFixture store(limits);
  const auto fill = [&](int from, int to) {
    std::string lines;
    for (int i = from; i < to; ++i) lines += "{\"index\":{}}\n{\"n\":" + std::to_string(i) + "}\n";
    store.post("/b/_bulk?refresh=true", lines);
  };
  const auto terms = [&](int count) {
    std::string aggregations;
    for (int i = 0; i < count; ++i)
      aggregations += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + R"(":{"terms":{"field":"n","size":1}})";
    return store.post("/b/_search", R"({"size":0,"aggs":{)" + aggregations + "}}");
  };
  fill(0, 16);
  CHECK(terms(1).at("/aggregations/a0/sum_other_doc_count") == "15");
  CHECK(terms(2).status == 200);
  fill(16, 17);
  CHECK(terms(1).status == 200);
  const Reply refused = terms(2);  // 34 of 32
  CHECK(refused.status == 400);
  CHECK(refused.error_type() == "too_many_buckets_exception");
  CHECK(names(refused, "max-buckets"));
}

TEST_CASE("a word that a match repeats is looked up once, with its weight; different ones are counted") {
  const FilledStore store;
  const auto match = [&](const std::string& words, const char* more = "") {
    return store.post("/t/_search", R"({"query":{"match":{"t":{"query":")" + words + "\"" + more + "}}}}");
  };
  const double once = std::stod(match("w3").at("/hits/max_score"));
  CHECK(std::stod(match(repeated("w3", 16'000, " ")).at("/hits/max_score")) == doctest::Approx(16'000 * once));
  CHECK(match("w3 w1 w3", R"(,"operator":"and")").at("/hits/total/value") == "0");
  CHECK(match("w3 word w3", R"(,"operator":"and")").at("/hits/total/value") == "1");
  std::string words;
  for (int i = 0; i < 1'024; ++i) words += "w" + std::to_string(i) + " ";
  CHECK(match(words).at("/hits/total/value") == "5");
  const Reply refused = match(words + "more");
  CHECK(refused.status == 400);
  CHECK(refused.body.find("has more than [1024] different words; send fewer") != std::string::npos);
}

TEST_CASE("patterns of fields cost what they are compared with") {
  Limits limits;
  limits.max_clauses = 100;
  const StoreFixture store(limits);
  std::string properties;
  for (int i = 0; i < 900; ++i) properties += (i == 0 ? "\"f" : ",\"f") + std::to_string(i) + R"(":{"type":"keyword"})";
  store.put("/i", R"({"mappings":{"properties":{)" + properties + "}}}");
  store.put("/i/_doc/1?refresh=true", R"({"f1":"x","f2":"y"})");
  const auto fields = [&](const std::string& list) {
    return store.post("/i/_search", R"({"_source":false,"fields":[)" + list + "]}");
  };
  // Each pattern counts 900 / 128 = 7 clauses.
  CHECK(fields(repeated("\"f1*\",\"f2\"", 500, ",")).at("/hits/hits/0/fields") == R"({"f1":["x"],"f2":["y"]})");
  std::string many;
  for (int i = 0; i < 15; ++i) many += (i == 0 ? "\"f1*x" : ",\"f1*x") + std::to_string(i) + "\"";
  CHECK(names(fields(many), "max-clauses"));
  CHECK(names(store.post("/i/_search", R"({"query":{"multi_match":{"query":"a","fields":[)" + many + "]}}}"),
              "max-clauses"));
  CHECK(fields("\"f1*a\",\"f2*a\"").status == 200);
}

TEST_CASE("values that multi-fields repeat in an answer are counted") {
  Limits limits;
  limits.max_answer_bytes = 100'000;
  const StoreFixture store(limits);
  store.put("/i", R"({"mappings":{"properties":{"t":{"type":"text"}}}})");
  store.put("/i/_doc/1?refresh=true", R"({"t":")" + std::string(2'000, 'x') + "\"}");
  std::string sub_fields;
  for (int i = 0; i < 100; ++i) sub_fields += (i == 0 ? "\"s" : ",\"s") + std::to_string(i) + R"(":{"type":"text"})";
  const std::string search = R"({"_source":false,"fields":["*"]})";
  CHECK(store.post("/i/_search", search).status == 200);
  REQUIRE(store.put("/i/_mapping", R"({"properties":{"t":{"type":"text","fields":{)" + sub_fields + "}}}}").status ==
          200);
  CHECK(store.post("/i/_search", search).status == 413);
}

TEST_CASE("the values of a terms query are looked up together, and a repeated one once") {
  const StoreFixture store;
  store.put("/i",
            R"({"mappings":{"properties":{"date":{"type":"date"},"flag":{"type":"boolean"},"word":{"type":"keyword"},
                     "text":{"type":"text"},"real":{"type":"double"},"whole":{"type":"long"}}}})");
  fill(store, "i", 30'000,
       [](int) { return R"({"date":"2026-03-01","flag":true,"word":"7","text":"7","real":7,"whole":7})"; });
  const std::pair<std::string, std::string> equal[] = {{"date", "\"2026-03-01\""}, {"flag", "true"}, {"word", "\"7\""},
                                                       {"text", "\"7\""},          {"real", "7.0"},  {"whole", "7"}};
  for (const auto& one : equal) {
    CAPTURE(one.first);
    const std::string query =
        R"({"query":{"terms":{")" + one.first + R"(":[)" + repeated(one.second, 65'536, ",") + "]}}}";
    CHECK(processor_seconds_of([&] { CHECK(store.post("/i/_count", query).at("/count") == "30000"); }) < 1);
  }
}

TEST_CASE("fields are read from a document in one pass") {
  const StoreFixture store;
  std::string properties, document;
  for (int i = 0; i < 40'000; ++i) {
    const std::string name = (i == 0 ? "\"f" : ",\"f") + std::to_string(i) + "\":";
    properties += name + R"({"type":"long"})";
    document += name + "1";
  }
  REQUIRE(store
              .put("/i", R"({"settings":{"index.mapping.total_fields.limit":100000},"mappings":{"properties":{)" +
                             properties + "}}}")
              .status == 200);
  REQUIRE(store.put("/i/_doc/1?refresh=true", "{" + document + "}").status == 201);
  const double seconds = processor_seconds_of([&] {
    const Reply reply = store.post("/i/_search", R"({"_source":false,"fields":["*"]})");
    CHECK(reply.at("/hits/hits/0/fields/f39999") == "[1]");
  });
  CHECK(seconds < 1);
}

TEST_CASE("the vectors that an index hides are not listed for each document") {
  const StoreFixture store;
  std::string properties;
  for (int i = 0; i < 20'000; ++i)
    properties += (i == 0 ? "\"v" : ",\"v") + std::to_string(i) + R"(":{"type":"dense_vector"})";
  REQUIRE(store
              .put("/i", R"({"settings":{"index.mapping.total_fields.limit":100000},"mappings":{"properties":{)" +
                             properties + "}}}")
              .status == 200);
  fill(store, "i", 2'000, [](int i) { return R"({"n":)" + std::to_string(i) + "}"; });
  CHECK(processor_seconds_of([&] {
          CHECK(store.post("/i/_search", R"({"size":2000})").at("/hits/hits/1999/_source/n") == "1999");
        }) < 1);
  std::string ids;
  for (int i = 0; i < 2'000; ++i) ids += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
  CHECK(processor_seconds_of([&] {
          CHECK(store.post("/i/_mget", R"({"ids":[)" + ids + "]}").at("/docs/1999/_source/n") == "1999");
        }) < 1);
  // What is hidden follows the mapping.
  REQUIRE(store.put("/i/_mapping", R"({"properties":{"late":{"type":"dense_vector","index":false}}})").status == 200);
  REQUIRE(store.put("/i/_doc/0", R"({"n":0,"late":[1,2]})").status == 200);
  CHECK(store.get("/i/_doc/0").at("/_source") == R"({"n":0})");
}

TEST_CASE("patterns of a _source are compared with a path once, not once per document") {
  const StoreFixture store;
  std::string document, patterns;
  for (int i = 0; i < 900; ++i) document += (i == 0 ? "\"field" : ",\"field") + std::to_string(i) + "\":1";
  for (int i = 0; i < 1'000; ++i) patterns += (i == 0 ? "\"*x" : ",\"*x") + std::to_string(i) + "*\"";
  store.put("/i", R"({"mappings":{"dynamic":false}})");
  fill(store, "i", 500, [&](int) { return "{" + document + R"(,"x1":1,"o":{"x2":2},"p.x3":3})"; });
  const auto shown = [&](const std::string& filter) {
    Reply reply;
    const double seconds =
        processor_seconds_of([&] { reply = store.post("/i/_search", R"({"size":500,"_source":)" + filter + "}"); });
    CHECK(seconds < 3);
    return reply;
  };
  const Reply included = shown("[" + patterns + "]");
  CHECK(included.at("/hits/hits/0/_source") == R"({"x1":1,"o":{"x2":2},"p.x3":3})");
  CHECK(included.at("/hits/hits/499/_source") == R"({"x1":1,"o":{"x2":2},"p.x3":3})");
  const Reply excluded = shown(R"({"includes":["x*","o","p*"],"excludes":[)" + patterns + "]}");
  CHECK(excluded.at("/hits/hits/499/_source") == "{}");
}

TEST_CASE("long patterns take no more time than what they are compared with") {
  const StoreFixture store;
  std::string document, properties;
  for (int i = 0; i < 500; ++i) {
    const std::string name = (i == 0 ? "\"f" : ",\"f") + std::to_string(i) + "\":";
    document += name + "1";
    properties += name + R"({"type":"long"})";
  }
  store.put("/i", R"({"mappings":{"properties":{)" + properties + "}}}");
  fill(store, "i", 100, [&](int) { return "{" + document + R"(,"p.x":1})"; });
  const std::string stars(2'000'000, '*'), blanks(2'000'000, ' '), words(2'000'000, 'x');
  for (const std::string& pattern :
       {"f" + stars + "1", blanks + "p.x", "p.x" + blanks, words, words + "*", "*" + words}) {
    CAPTURE(pattern.substr(0, 9));
    CHECK(
        processor_seconds_of([&] {
          CHECK(
              store.post("/i/_search", R"({"size":100,"_source":[")" + pattern + R"("],"fields":[")" + pattern + "\"]}")
                  .status == 200);
        }) < 3);
  }
}

TEST_CASE("_mget and documents have their limits") {
  Limits limits;
  limits.max_get_documents = 2;
  limits.max_document_words = 4;
  const FilledStore store(limits);
  CHECK(store.post("/t/_mget", R"({"ids":["1","2"]})").status == 200);
  CHECK(names(store.post("/t/_mget", R"({"ids":["1","2","3"]})"), "max-get-documents"));
  CHECK(store.put("/t/_doc/w", R"({"t":["a b","c d"]})").status == 201);
  const Reply bulk = store.post("/t/_bulk", R"({"index":{"_id":"1"}}
{"t":"a b c d e"}
{"index":{"_id":"new"}}
{"t":"a"}
)");
  CHECK(bulk.at("/items/0/index/status") == "400");
  CHECK(names(bulk, "max-document-words"));
  CHECK(bulk.at("/items/1/index/status") == "201");
  CHECK(store.get("/t/_doc/1").at("/_source/t") == "word w1");
}

TEST_CASE("the limits on mappings are those of the index's settings") {
  const StoreFixture store;
  const auto create = [&](const std::string& name, const std::string& settings) {
    return store.put("/" + name, R"({"settings":{)" + settings + "}}");
  };
  REQUIRE(create("f", R"("index.mapping.total_fields.limit":3)").status == 200);
  const Reply document = store.put("/f/_doc/1", R"({"a":1,"b":1,"c":1,"d":1})");
  CHECK(document.error_type() == "document_parsing_exception");
  CHECK(document.reason() ==
        "[1:24] failed to parse: Limit of total fields [3] has been exceeded while adding new fields [4]");
  CHECK(store.get("/f/_mapping").at("/f/mappings") == "{}");
  const std::string four =
      R"({"properties":{"a":{"type":"long"},"b":{"type":"long"},"c":{"type":"long"},"d":{"type":"long"}}})";
  CHECK(store.put("/f/_mapping", four).reason() == "Limit of total fields [3] has been exceeded");
  CHECK(store.put("/g", R"({"settings":{"index.mapping.total_fields.limit":3},"mappings":)" + four + "}").reason() ==
        "Limit of total fields [3] has been exceeded");
  store.put("/f/_settings", R"({"index.mapping.total_fields.limit":4})");
  CHECK(store.put("/f/_mapping", four).status == 200);
  store.put("/f/_settings", R"({"index.mapping.total_fields.limit":1})");
  CHECK(store.put("/f/_doc/1", R"({"a":1})").status == 201);
  CHECK(store.put("/f/_doc/1", R"({"e":1})").status == 400);

  REQUIRE(create("d", R"("index.mapping.depth.limit":2)").status == 200);
  CHECK(store.put("/d/_doc/1", R"({"a":{"b":1}})").status == 201);
  CHECK(store.put("/d/_doc/1", R"({"x":{"y":{"z":1}}})")
            .reason()
            .ends_with("Limit of mapping depth [2] has been exceeded due to object field [x.y]"));
  CHECK(store.put("/d/_mapping", R"({"properties":{"x.y.z":{"type":"long"}}})").reason() ==
        "Limit of mapping depth [2] has been exceeded due to object field [x.y]");

  REQUIRE(create("n", R"("index.mapping.field_name_length.limit":5)").status == 200);
  CHECK(store.put("/n/_doc/1", R"({"ééééé":1})").status == 201);
  CHECK(store.put("/n/_doc/1", R"({"abcdef":1})")
            .reason()
            .ends_with("Field name [abcdef] is longer than the limit of [5] characters"));
  CHECK(store.put("/n/_mapping", R"({"properties":{"a":{"type":"text","fields":{"abcdef":{"type":"keyword"}}}}})")
            .reason() == "Field name [abcdef] is longer than the limit of [5] characters");
  CHECK(create("m", R"("index.mapping.depth.limit":101)").reason().find(" to 100,") != std::string::npos);
  CHECK(create("m", R"("index.mapping.total_fields.limit":100001)").reason().find("--elasticsearch-max-fields") !=
        std::string::npos);
}

TEST_CASE("names of a million levels are refused, not walked") {
  const StoreFixture store;
  store.put("/i");
  const std::string name = repeated("a", 1'000'000, ".");
  CHECK(store.put("/i/_mapping", R"({"properties":{")" + name + R"(":{"type":"long"}}})").status == 400);
  CHECK(store.put("/i/_doc/1", "{\"" + name + "\":1}").status == 400);
  CHECK(store.put("/i/_settings", "{\"index.merge." + name + "\":1}").status == 400);
}

TEST_CASE("documents of 10,000 fields are taken where the limit was raised") {
  const StoreFixture store;
  store.put("/i", R"({"settings":{"index.mapping.total_fields.limit":20000}})");
  std::string document = "{";
  for (int i = 0; i < 10'000; ++i) document += (i == 0 ? "\"f" : ",\"f") + std::to_string(i) + "\":1";
  CHECK(store.put("/i/_doc/1", document + "}").status == 201);
}

TEST_CASE("a bulk of too many actions, or with too long an answer, is refused before anything is written") {
  Limits limits;
  limits.max_bulk_items = 3;
  limits.max_answer_bytes = 700;
  const StoreFixture store(limits);
  const auto bulk = [&](int items, const std::string& id) {
    return store.post("/b/_bulk?refresh", repeated("{\"index\":{\"_id\":\"" + id + "\"}}\n{}\n", items));
  };
  CHECK(names(bulk(4, "1"), "max-bulk-items"));
  CHECK(bulk(4, "1").status == 413);
  CHECK(names(bulk(3, std::string(300, 'i')), "max-answer-bytes"));
  CHECK(store.get("/b").status == 404);
  CHECK(bulk(3, "1").status == 200);
  CHECK(store.count("b") == "1");
}

TEST_CASE("a bulk that has written is answered whole, without details once the answer would become too large") {
  Limits limits;
  limits.max_answer_bytes = 4000;
  const StoreFixture store(limits);
  store.put("/b", R"({"mappings":{"properties":{"n":{"type":"long"}}}})");
  const Reply failed =
      store.post("/b/_bulk?refresh",
                 repeated("{\"index\":{}}\n{\"n\":1}\n{\"index\":{}}\n{\"n\":\"" + std::string(180, 'x') + "\"}\n", 9));
  CHECK(failed.status == 200);
  CHECK(store.count("b") == "9");
  CHECK(failed.at("/items/1/index/error/reason").find("of type [long]") != std::string::npos);
  CHECK(failed.at("/items/17/index/status") == "400");
  CHECK(failed.at("/items/17/index/error/type") == "document_parsing_exception");
  CHECK(failed.body.find("\"reason\":\"omitted: the answer is too large\"") != std::string::npos);
  CHECK(failed.body.size() < limits.max_answer_bytes + 100);
  const std::string update = "{\"update\":{\"_id\":\"1\",\"_source\":true}}\n";
  const Reply updated =
      store.post("/b/_bulk", "{\"index\":{\"_id\":\"1\"}}\n{\"t\":\"" + std::string(3000, 'x') + "\"}\n" + update +
                                 "{\"doc\":{\"n\":2}}\n" + update + "{\"doc\":{\"n\":3}}\n");
  CHECK(updated.status == 200);
  CHECK(updated.at("/items/1/update/get/_source/n") == "2");
  CHECK(updated.at("/items/2/update/result") == "updated");
  CHECK(updated.at("/items/2/update/get").empty());
  CHECK(store.get("/b/_doc/1?_source=n").at("/_source/n") == "3");
}

TEST_CASE("an error shows no more than the beginning of what it quotes") {
  const StoreFixture store;
  const std::string name(1'000'000, 'x');
  for (const Reply& reply :
       {store.post("/t/_search", "{\"" + name + "\":1}"), store.post("/t/_search", "{\"query\":{\"" + name + "\":{}}}"),
        store.post("/_bulk", "{\"index\":{\"_index\":\"" + name + "\"}}\n{}\n"),
        store.put("/i/_doc/1", "{\"a\":{\"" + name + "\":1},\"a.b.c\":1,\"a.b\":[\"" + name + "\"]}")}) {
    CHECK(reply.body.size() < 100'000);
    CHECK(reply.body.find("bytes more)") != std::string::npos);
  }
}

TEST_CASE("every part of an error that may be a client's own text is shown by its beginning") {
  const StoreFixture store;
  store.put("/t", R"({"mappings":{"properties":{"n":{"type":"long"}}}})");
  const std::string name(1'000'000, 'x');
  for (const Reply& reply : {store.get("/" + name + "/_count"),                                        // details
                             store.put("/t/_doc/1?if_seq_no=" + name, "{}"),                           // a cause
                             store.post("/t/_search", R"({"query":{"term":{"n":")" + name + "\"}}}"),  // of a shard
                             store.post("/_mget", R"({"docs":[{"_index":")" + name + R"(","_id":"1"}]})"),
                             store.post("/_bulk", "{\"index\":{\"_index\":\"" + name + "\",\"_id\":\"1\"}}\n{}\n"),
                             store.post("/_bulk", "{\"index\":{\"_index\":\"t\",\"_id\":\"" + name + "\"}}\n{}\n")}) {
    CAPTURE(reply.body.substr(0, 300));
    CHECK(reply.body.size() < 100'000);
    CHECK(reply.body.find("bytes more)") != std::string::npos);
  }
}

TEST_CASE("indices, their aliases and their definitions are bounded") {
  Limits limits;
  limits.max_shards = 5;
  limits.max_aliases = 2;
  limits.max_alias_changes = 3;
  limits.max_definition_bytes = 1000;
  const StoreFixture store(limits);
  CHECK(store.put("/a").status == 200);
  CHECK(store.put("/b").status == 200);
  const Reply refused = store.put("/c");
  CHECK(refused.error_type() == "validation_exception");
  CHECK(
      refused.reason().starts_with("Validation Failed: 1: this action would add [2] shards, but this cluster "
                                   "currently has [4]/[5] maximum normal shards open;"));
  CHECK(names(refused, "max-shards"));
  CHECK(names(store.put("/a/_settings", R"({"index.number_of_replicas":3})"), "max-shards"));
  CHECK(store.put("/c", R"({"settings":{"index.number_of_replicas":0}})").status == 200);
  CHECK(names(store.post("/d/_doc", "{}"), "max-shards"));

  CHECK(store.put("/a/_alias/x").status == 200);
  CHECK(store.put("/a/_alias/y").status == 200);
  CHECK(names(store.put("/a/_alias/z"), "max-aliases"));
  CHECK(names(store.post("/_aliases",
                         R"({"actions":[{"remove":{"index":"a","alias":"*"}},{"remove":{"index":"a","alias":"*"}}]})"),
              "max-alias-changes"));

  const std::string meta = R"({"_meta":{"x":")" + std::string(990, 'x') + "\"}}";
  CHECK(names(store.put("/a/_mapping", meta), "max-definition-bytes"));
  // By its length alone, before it is read.
  const std::string blanks = "{" + std::string(1000, ' ') + "}";
  for (const char* target : {"/a/_mapping", "/a/_settings", "/new", "/a/_alias/x"}) {
    CAPTURE(target);
    CHECK(names(store.put(target, blanks), "max-definition-bytes"));
  }
  CHECK(names(store.post("/_aliases", blanks), "max-definition-bytes"));
  CHECK(store.put("/a/_mapping", R"({"_meta":{"x":")" + std::string(500, 'x') + "\"}}").status == 200);
  CHECK(names(store.put("/a/_settings", R"({"index.merge.policy.floor_segment":")" + std::string(500, 'x') + "\"}"),
              "max-definition-bytes"));
}

TEST_CASE("every loop over documents ends when the client has left") {
  const FilledStore store;
  const auto cancellation = std::make_shared<Cancellation>();
  const CancellationScope scope(cancellation);
  cancellation->cancel(CancelReason::client_left);
  for (const char* body :
       {R"({"query":{"match":{"t":"word"}}})", R"({"size":0,"aggs":{"a":{"terms":{"field":"k"}}}})",
        R"({"knn":{"field":"v","query_vector":[1,0],"k":1,"num_candidates":2}})", R"({"sort":"n"})"}) {
    CAPTURE(body);
    CHECK_THROWS_AS(store.post("/t/_search", body), WorkCancelled);
  }
  CHECK_THROWS_AS(store.post("/_msearch", "{}\n{}\n"), WorkCancelled);
  CHECK_THROWS_AS(store.post("/t/_mget", R"({"ids":["1"]})"), WorkCancelled);
  CHECK_THROWS_AS(store.post("/t/_bulk", "{\"index\":{}}\n{}\n"), WorkCancelled);
}

}  // namespace
}  // namespace sightline::elastic
