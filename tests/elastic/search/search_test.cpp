#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>

#include "listings.h"

namespace {
std::string sort_values(const StoreBench::Answer& answer) {
  std::string out;
  std::string_view rest = answer.text;
  for (std::size_t at; (at = rest.find("\"sort\":")) != std::string_view::npos;) {
    rest.remove_prefix(at + 7);
    out += rest.substr(0, rest.find(']') + 1);
  }
  return out;
}
}  // namespace

TEST_CASE_FIXTURE(Listings, "kNN gives exact scores, and filters before it chooses") {
  const auto three = search(R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":3,"num_candidates":50}})");
  CHECK(three.ids() == Ids{"1", "2", "6"});
  CHECK(three.total() == 3);
  CHECK(three.score(0) == 1);
  CHECK(three.score(1) == doctest::Approx(0.99694186).epsilon(1e-7));
  CHECK(three.score(2) == doctest::Approx(0.85176325).epsilon(1e-7));
  CHECK_FALSE(three.hits()[0]["_source"].HasMember("v"));
  const auto lyon = search(
      R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":3,"num_candidates":50,"filter":{"term":{"city":"Lyon"}}}})");
  CHECK(lyon.ids() == Ids{"1", "4"});
  CHECK(search(R"({"knn":{"field":"w","query_vector":[1,1],"k":4,"num_candidates":10}})").ids() ==
        Ids{"7", "2", "1", "3"});
  CHECK(search(R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":7,"num_candidates":50,"similarity":0.5}})").ids() ==
        Ids{"1", "2", "6"});
}

TEST_CASE_FIXTURE(Listings, "kNN and a query are united and their scores added") {
  const auto both = search(
      R"({"query":{"match":{"title":"white house"}},"knn":{"field":"v","query_vector":[0,0,0,1],"k":2,"num_candidates":50}})");
  CHECK(both.ids() == Ids{"2", "5", "7", "3", "1", "4", "6"});
  CHECK(both.score(0) == doctest::Approx(1.3725982).epsilon(1e-7));
  const auto should = search(
      R"({"query":{"bool":{"must":[{"match":{"title":"house"}}],"should":[{"knn":{"field":"v","query_vector":[0,1,0,0],"num_candidates":20,"k":2}}]}}})");
  CHECK(should.ids() == Ids{"3", "6", "2"});
  CHECK(should.score(0) == doctest::Approx(1.9572068).epsilon(1e-7));
}

TEST_CASE_FIXTURE(Listings, "kNN over several indices keeps the k nearest of all") {
  put("/other",
      R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":4,"similarity":"cosine","index_options":{"type":"hnsw"}}}}})");
  put("/other/_doc/x", R"({"v":[0.95,0.05,0,0]})");
  put("/other/_doc/y", R"({"v":[0,0,1,0]})");
  const auto all = search(R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":3,"num_candidates":10}})", "l,other");
  CHECK(all.ids() == Ids{"1", "x", "2"});
  CHECK(all.total() == 3);
  CHECK(all.json["_shards"]["total"].GetInt() == 2);
}

TEST_CASE_FIXTURE(Listings, "hits are sorted by fields, and search_after goes on where a page ended") {
  const auto by_price = search(R"({"sort":[{"price":"desc"}],"size":2,"_source":["price"]})");
  CHECK(by_price.ids() == Ids{"6", "2"});
  CHECK(by_price.hits()[0]["_score"].IsNull());
  CHECK(by_price.json["hits"]["max_score"].IsNull());
  CHECK(sort_values(by_price) == "[2450000][910000]");
  CHECK(search(R"({"sort":[{"city":"asc"},{"price":{"order":"asc"}}]})").ids() ==
        Ids{"3", "1", "4", "2", "6", "7", "5"});
  CHECK(search(R"({"sort":[{"price":"asc"}],"search_after":[320000],"size":2})").ids() == Ids{"4", "5"});
  CHECK(search(R"({"sort":["city","_doc"],"search_after":["Lyon",3]})").ids() == Ids{"2", "6", "5", "7"});
  CHECK(search("", "l", "sort=area:desc&size=1").ids() == Ids{"6"});
  CHECK(search(R"({"query":{"match":{"title":"pool"}},"sort":["_score"]})").ids() == Ids{"6", "2"});
  CHECK(search(R"({"query":{"match":{"title":"pool"}},"sort":[{"_score":"asc"}]})").ids() == Ids{"2", "6"});
}

TEST_CASE_FIXTURE(StoreBench, "pages by scores and floats go on after the value that was printed") {
  put("/n", R"({"mappings":{"properties":{"f":{"type":"float"},"h":{"type":"half_float"},"d":{"type":"double"}}}})");
  for (const char* f : {"0.1", "0.2", "0.3", "0.7"})
    put("/n/_doc/" + std::string(f), R"({"t":"word","f":)" + std::string(f) + R"(,"h":)" + f + R"(,"d":)" + f + "}");
  for (const char* field : {"f", "h", "d"}) {
    Ids ids;
    std::string after;
    for (int page = 0; page < 4; ++page) {
      const auto hit = search(R"({"size":1,"sort":[")" + std::string(field) + "\"]" +
                                  (after.empty() ? "" : R"(,"search_after":)" + after) + "}",
                              "n");
      ids.push_back(hit.ids().at(0));
      after = sort_values(hit);
    }
    CHECK_MESSAGE((ids == Ids{"0.1", "0.2", "0.3", "0.7"}), field);
  }
  const std::string scored = R"({"size":1,"query":{"match":{"t":"word"}},"sort":[{"_score":"desc"},{"_doc":"asc"}])";
  const auto first = search(scored + "}", "n");
  CHECK(first.json["hits"]["max_score"].GetDouble() == first.score(0));
  CHECK(search(scored + R"(,"search_after":)" + sort_values(first) + "}", "n").ids() == Ids{"0.2"});
}

TEST_CASE_FIXTURE(Listings, "documents without the field sort last, or where missing says") {
  put("/l/_doc/8", R"({"title":"no price"})");
  CHECK(search(R"({"sort":[{"price":"asc"}]})").ids().back() == "8");
  CHECK(search(R"({"sort":[{"price":"desc"}]})").ids().back() == "8");
  CHECK(search(R"({"sort":[{"price":{"order":"asc","missing":"_first"}}]})").ids().front() == "8");
  CHECK(search(R"({"sort":[{"city":"asc"}]})").ids().back() == "8");
  CHECK(search(R"({"sort":[{"city":{"order":"desc","missing":"_first"}}]})").ids().front() == "8");
  CHECK(search(R"({"sort":[{"unknown":{"unmapped_type":"long"}}]})").ids().size() == 8);
  put("/l/_mapping", R"({"properties":{"i":{"type":"integer"},"b":{"type":"byte"}}})");
  const auto missing = search(
      R"({"size":1,"sort":["i",{"b":"desc"},{"u":{"unmapped_type":"double"}},{"k":{"unmapped_type":"keyword"}},
      {"s":{"unmapped_type":"short","order":"desc"}},{"d":{"unmapped_type":"long"}}]})");
  CHECK(sort_values(missing) == R"([2147483647,-2147483648,"Infinity",null,-2147483648,9223372036854775807])");
  CHECK(search(R"({"sort":[{"u":{"unmapped_type":"nope"}}]})").status == 400);
}

TEST_CASE_FIXTURE(Listings, "search_after goes on over indices that lack the field") {
  put("/has", R"({"mappings":{"properties":{"k":{"type":"keyword"},"d":{"type":"date"}}}})");
  put("/lacks/_doc/2", R"({"n":1})");
  put("/has/_doc/1", R"({"k":"c","d":"2021-02-01"})");
  const auto ids = [&](const char* field, const char* type, const char* after) {
    return search(std::string(R"({"sort":[{")") + field + R"(":{"unmapped_type":")" + type +
                      R"("}}],"search_after":[)" + after + "]}",
                  "has,lacks")
        .ids();
  };
  CHECK(ids("k", "keyword", R"("b")") == Ids{"1", "2"});
  CHECK(ids("k", "keyword", R"("c")") == Ids{"2"});
  CHECK(ids("d", "date", R"("2021-01-01")") == Ids{"1", "2"});
}

TEST_CASE_FIXTURE(Listings, "pages, totals and the least score") {
  CHECK(search(R"({"from":2,"size":2})").ids() == Ids{"3", "4"});
  CHECK(search(R"({"from":100})").ids().empty());
  CHECK(search(R"({"size":0})").total() == 7);
  const auto three = search(R"({"track_total_hits":3,"size":1})");
  CHECK(three.total() == 3);
  CHECK(std::string(three.json["hits"]["total"]["relation"].GetString()) == "gte");
  CHECK_FALSE(search(R"({"track_total_hits":false})").json["hits"].HasMember("total"));
  CHECK(search(R"({"query":{"match":{"title":"house"}},"min_score":0.9})").ids() == Ids{"3"});
  CHECK(search(R"({"query":{"match":{"title":"pool"}},"post_filter":{"term":{"_id":"2"}}})").ids() == Ids{"2"});
  CHECK(search(R"({"size":1})", "l", "rest_total_hits_as_int=true").json["hits"]["total"].GetInt() == 7);
}

TEST_CASE_FIXTURE(Listings, "sources and fields are shown as asked") {
  const auto some =
      search(R"({"query":{"ids":{"values":["1"]}},"_source":{"includes":["t*","price"],"excludes":["title"]}})");
  CHECK(some.text.find(R"("_source":{"price":320000})") != std::string::npos);
  const auto whole = search(R"({"query":{"ids":{"values":["2"]}},"_source":{"exclude_vectors":false}})");
  REQUIRE(whole.hits()[0]["_source"].HasMember("v"));
  CHECK(whole.hits()[0]["_source"]["v"][0].GetDouble() == doctest::Approx(0.9));
  const auto fields = search(R"({"query":{"ids":{"values":["2"]}},"_source":false,
    "fields":["title","city","area","garden","v","listed"]})");
  const auto& values = fields.hits()[0]["fields"];
  CHECK(std::string(values["title"][0].GetString()) == "White house with a swimming pool and a garden");
  CHECK(values["area"][0].GetDouble() == 180.0);
  CHECK(values["garden"][0].GetBool());
  CHECK(values["v"].Size() == 4);
  CHECK(values["v"][0].GetDouble() == doctest::Approx(0.9));
  CHECK(std::string(values["listed"][0].GetString()) == "2026-02-11T00:00:00.000Z");
  const auto versions = search(R"({"size":1,"version":true,"seq_no_primary_term":true})");
  CHECK(versions.hits()[0]["_version"].GetInt() == 1);
  CHECK(versions.hits()[0]["_seq_no"].GetInt() == 0);
}

TEST_CASE_FIXTURE(
    StoreBench, "fields are found through arrays, objects and names with dots, and come in the order of the patterns") {
  put("/m", R"({"mappings":{"dynamic":false,"properties":{"o":{"properties":{"n":{"type":"long"},"p":{"properties":{
      "d":{"type":"date","format":"yyyy/MM/dd"},"b":{"type":"boolean"}}}}}}}})");
  put("/m/_doc/1", R"({"o":[{"n":[1,[2]]},{"n":3,"p":{"b":true}}],"o.p":{"b":false,"d":"2026/03/01"},"o.p.b":"true",
      "other":{"k":"x"},"k":["1","long",{"t":"x"},null,2.50]})");
  put("/m/_mapping", R"({"properties":{"k":{"type":"keyword","ignore_above":3,"fields":{"t":{"type":"text"},
      "n":{"type":"float"}}}}})");
  const auto fields = [&](const std::string& patterns) {
    const auto found = search(R"({"_source":false,"fields":[)" + patterns + "]}", "m");
    const std::size_t at = found.text.find(R"("fields":)");
    return at == std::string::npos ? "" : found.text.substr(at + 9, found.text.find("}]") - at - 9);
  };
  CHECK(fields(R"("o.p.b","o.*")") == R"({"o.p.b":[true,false,true],"o.n":[1,2,3],"o.p.d":["2026/03/01"]})");
  CHECK(fields(R"("k.t","k*","k")") == R"({"k.t":["1","long","2.5"],"k":["1","2.5"],"k.n":[1.0,2.5]})");
  CHECK(fields(R"("o","o.p","other.*","k.t.x")").empty());
}

TEST_CASE_FIXTURE(Listings, "figures over the hits") {
  const auto answer = search(
      R"({"size":0,"query":{"term":{"garden":true}},"aggs":{"cities":{"terms":{"field":"city","size":1}},
      "price":{"stats":{"field":"price"}},"mean":{"avg":{"field":"area"}},"none":{"max":{"field":"unknown"}}}})");
  const auto& figures = answer.json["aggregations"];
  CHECK(std::string(figures["cities"]["buckets"][0]["key"].GetString()) == "Nice");
  CHECK(figures["cities"]["buckets"][0]["doc_count"].GetInt() == 2);
  CHECK(figures["cities"]["sum_other_doc_count"].GetInt() == 1);
  CHECK(figures["price"]["sum"].GetDouble() == 320000.0 + 910000 + 2450000);
  CHECK(figures["mean"]["value"].GetDouble() == doctest::Approx((85.5 + 180 + 340) / 3));
  CHECK(figures["none"]["value"].IsNull());
}

TEST_CASE_FIXTURE(StoreBench, "figures are exact, and numbers of several types are one") {
  put("/a", R"({"mappings":{"properties":{"n":{"type":"long"},"k":{"type":"keyword"},"t":{"type":"double"}}}})");
  put("/b", R"({"mappings":{"properties":{"n":{"type":"double"}}}})");
  put("/a/_doc/1", R"({"n":[1,1],"k":["b","a","b"],"t":[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]})");
  put("/b/_doc/1", R"({"n":[1,2.5]})");
  const auto answer = search(
      R"({"aggs":{"n":{"terms":{"field":"n"}},"k":{"value_count":{"field":"k"}},"c":{"value_count":{"field":"n"}},
      "t":{"sum":{"field":"t"}}}})",
      "a,b", "typed_keys=true");
  const auto& figures = answer.json["aggregations"];
  REQUIRE(figures.HasMember("dterms#n"));
  const auto& buckets = figures["dterms#n"]["buckets"];
  REQUIRE(buckets.Size() == 2);
  CHECK(buckets[0]["key"].GetDouble() == 1.0);
  CHECK(buckets[0]["doc_count"].GetInt() == 2);
  CHECK(figures["value_count#k"]["value"].GetInt() == 2);
  CHECK(figures["value_count#c"]["value"].GetInt() == 4);
  CHECK(figures["sum#t"]["value"].GetDouble() == 1.0);
}

TEST_CASE_FIXTURE(Listings, "typed keys name the type of each aggregation, as Java and .NET clients ask for it") {
  const auto typed = search(
      R"({"size":0,"aggs":{"city":{"terms":{"field":"city"}},"price":{"terms":{"field":"price"}},
      "area":{"terms":{"field":"area"}},"none":{"terms":{"field":"unknown"}},"mean":{"avg":{"field":"area"}}}})",
      "l", "typed_keys=true");
  REQUIRE_MESSAGE(typed.status == 200, typed.text);
  for (const char* name : {"sterms#city", "lterms#price", "dterms#area", "sterms#none", "avg#mean"}) {
    CAPTURE(name);
    CHECK(typed.json["aggregations"].HasMember(name));
  }
  CHECK(search(R"({"size":1})", "l", "typed_keys=true").status == 200);
}

TEST_CASE_FIXTURE(Listings, "names of the gallery are found in small letters and capitals by a prefix") {
  CHECK(search(R"({"query":{"prefix":{"city":{"value":"l"}}}})").total() == 0);
  const int capitals = search(R"({"query":{"prefix":{"city":{"value":"L"}}}})").total();
  CHECK(capitals > 0);
  CHECK(search(R"({"query":{"prefix":{"city":{"value":"l","case_insensitive":true}}}})").total() == capitals);
}

TEST_CASE_FIXTURE(Listings, "more terms than the index allows are refused") {
  put("/l/_settings", R"({"index.max_terms_count":2})");
  CHECK(search(R"({"query":{"terms":{"city":["Nice","Rome"]}}})").status == 200);
  const auto refused = search(R"({"query":{"terms":{"city":["Nice","Rome","Oslo"]}}})");
  CHECK(refused.status == 400);
  CHECK(refused.reason().find("index.max_terms_count") != std::string::npos);
}

TEST_CASE_FIXTURE(Listings, "replaced and deleted documents are gone from words, values, vectors and statistics") {
  put("/l/_doc/6", R"({"title":"Just a shed","city":"Rome","price":5,"v":[0,0,1,0]})");
  remove("/l/_doc/1");
  CHECK(found(R"({"match":{"title":"pool"}})") == Ids{"2"});
  CHECK(found(R"({"term":{"city":"Nice"}})") == Ids{"2"});
  CHECK(search(R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":2,"num_candidates":9}})").ids() == Ids{"2", "4"});
  CHECK(search("").ids() == Ids{"2", "3", "4", "5", "7", "6"});  // a replaced document is the newest
  const double before = search(R"({"query":{"match":{"title":"pool"}}})").score(0);
  reopen();
  CHECK(search(R"({"query":{"match":{"title":"pool"}}})").score(0) == before);
  CHECK(search("").ids() == Ids{"2", "3", "4", "5", "7", "6"});
  CHECK(search(R"({"knn":{"field":"v","query_vector":[1,0,0,0],"k":2,"num_candidates":9}})").ids() == Ids{"2", "4"});
}

TEST_CASE_FIXTURE(Listings, "_count and _msearch") {
  using sightline::http::Method;
  CHECK(request(Method::post, "/l/_count", R"({"query":{"term":{"city":"Lyon"}}})").json["count"].GetInt() == 2);
  CHECK(request(Method::get, "/l/_count", "").json["count"].GetInt() == 7);
  const auto many = request(Method::post, "/_msearch",
                            "{\"index\":\"l\"}\n{\"size\":1}\n{\"index\":\"nope\"}\n{}\n{\"index\":\"l\"}\n"
                            "{\"query\":{\"term\":{\"price\":\"x\"}}}\n");
  const auto& responses = many.json["responses"];
  REQUIRE(responses.Size() == 3);
  CHECK(responses[0]["status"].GetInt() == 200);
  CHECK(responses[1]["status"].GetInt() == 404);
  CHECK(responses[2]["status"].GetInt() == 400);
}

TEST_CASE_FIXTURE(Listings, "searches beside writes always see whole writes") {
  put("/pairs", R"({"mappings":{"properties":{"n":{"type":"long"},"side":{"type":"keyword"}}}})");
  std::atomic<bool> done = false;
  std::vector<std::thread> searchers;
  std::atomic<int> torn = 0, searched = 0;
  for (int i = 0; i < 3; ++i) {
    searchers.emplace_back([&] {
      while (!done) {
        const auto answer = search(R"({"query":{"match_all":{}},"track_total_hits":true,"size":20})", "pairs");
        torn += answer.total() % 2 != 0 || answer.total() < static_cast<std::int64_t>(answer.hits().Size());
        ++searched;
      }
    });
  }
  // Every bulk writes or replaces two documents together.
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i % 20);
    const auto answer = request(sightline::http::Method::post, "/_bulk",
                                "{\"index\":{\"_index\":\"pairs\",\"_id\":\"l" + n + "\"}}\n{\"n\":" + n +
                                    ",\"side\":\"left\"}\n" + "{\"index\":{\"_index\":\"pairs\",\"_id\":\"r" + n +
                                    "\"}}\n{\"n\":" + n + ",\"side\":\"right\"}\n");
    CHECK_FALSE(answer.json["errors"].GetBool());
  }
  while (searched < 3) std::this_thread::yield();
  done = true;
  for (std::thread& searcher : searchers) searcher.join();
  CHECK(torn == 0);
  CHECK(search("", "pairs").total() == 40);
}

namespace {
/// The hits of a search, from the first `"_source"` or `"fields"` on.
std::string shown(const StoreBench::Answer& answer) {
  const std::size_t at = std::min(answer.text.find("\"_source\":"), answer.text.find("\"fields\":"));
  return at == std::string::npos ? "" : answer.text.substr(at, answer.text.find("}]}", at) - at);
}
}  // namespace

TEST_CASE_FIXTURE(StoreBench, "vectors are shown as the setting of their index and the request say") {
  for (const std::string kept : {"false", "true"}) {
    const std::string index = "kept-" + kept;
    put("/" + index, R"({"settings":{"index.mapping.exclude_source_vectors":)" + kept +
                         R"(},"mappings":{"properties":{"v":{"type":"dense_vector","dims":2},"o":{"properties":{
                         "v":{"type":"dense_vector","dims":2}}}}}})");
    put("/" + index + "/_doc/1", R"({"v":[1.5,2.25],"o":{"v":[0.5,0.25],"w":1},"z":1})");
    const auto search_it = [&](const std::string& body) { return shown(search(body, index)); };
    const auto get_it = [&](const std::string& query) {
      return request(sightline::http::Method::get, "/" + index + "/_source/1", "", query).text;
    };
    const std::string whole = R"({"v":[1.5,2.25],"o":{"v":[0.5,0.25],"w":1},"z":1})", hidden = R"({"o":{"w":1},"z":1})";
    const std::string& usual = kept == "false" ? whole : hidden;
    CHECK(search_it("{}") == "\"_source\":" + usual);
    CHECK(search_it(R"({"_source":{"exclude_vectors":true}})") == "\"_source\":" + hidden);
    CHECK(search_it(R"({"_source":{"exclude_vectors":false}})") == "\"_source\":" + whole);
    CHECK(search_it(R"({"_source":{"exclude_vectors":true,"includes":["o"]}})") ==
          R"("_source":{"o":{"v":[0.5,0.25],"w":1}})");
    CHECK(search_it(R"({"_source":false,"fields":["v","o.v"]})") == R"("fields":{"v":[1.5,2.25],"o.v":[0.5,0.25]})");
    CHECK(search_it(R"({"_source":{"exclude_vectors":true},"fields":["v"]})") ==
          "\"_source\":" + hidden + R"(,"fields":{"v":[1.5,2.25]})");
    CHECK(get_it("") == usual);
    CHECK(get_it("_source_exclude_vectors=true") == hidden);
    CHECK(get_it("_source_exclude_vectors=false") == whole);
    CHECK(get_it("_source_includes=v") == R"({"v":[1.5,2.25]})");
  }
}

TEST_CASE_FIXTURE(StoreBench, "documents that were stored before their fields were mapped") {
  put("/r", R"({"mappings":{"dynamic":false}})");
  put("/r/_doc/1",
      R"({"n":"5","h":[1.5,"x"],"d":"2020-01-02","b":true,"v":[1,2],"o":{"v":[3,4],"p":1.5},"w":{"v":[5,6]},"k":"long"})");
  put("/r/_mapping",
      R"({"properties":{"n":{"type":"long"},"h":{"type":"double"},"d":{"type":"date"},"b":{"type":"boolean"},"v":{"type":"dense_vector","dims":2},
      "o":{"properties":{"v":{"type":"dense_vector","dims":2},"p":{"type":"integer"}}},
      "k":{"type":"keyword","ignore_above":3}}})");
  CHECK(
      shown(search(R"({"_source":false,"fields":["*"]})", "r")) ==
      R"("fields":{"b":[true],"d":["2020-01-02T00:00:00.000Z"],"h":[1.5],"n":[5],"o.p":[1],"o.v":[3.0,4.0],"v":[1.0,2.0]})");
  const std::string kept =
      R"({"n":"5","h":[1.5,"x"],"d":"2020-01-02","b":true,"o":{"p":1.5},"w":{"v":[5,6]},"k":"long"})";
  CHECK(shown(search("{}", "r")) == "\"_source\":" + kept);
  CHECK(request(sightline::http::Method::get, "/r/_source/1", "").text == kept);
  CHECK(shown(search(R"({"_source":["v"]})", "r")) == R"("_source":{"v":[1,2]})");
}

TEST_CASE_FIXTURE(Listings, "sort keys of the URL come after those of the body") {
  CHECK(sort_values(search(R"({"sort":["listed"],"size":3,"from":4})", "l", "sort=price:desc")) ==
        "[1773532800000,640000][1775088000000,2450000][1775088000000,1]");
  CHECK(search(R"({"sort":["city"],"search_after":["Nice",1000000],"size":1})", "l", "sort=price:desc").ids() ==
        Ids{"2"});
  CHECK(search(R"({"sort":["city"],"search_after":["Nice"]})", "l", "sort=price").reason() ==
        "search_after has 1 value(s) but sort has 2.");
  CHECK(search(R"({"sort":["price"],"size":1})", "l", "sort=").ids() == Ids{"7"});
  CHECK(search(R"({"retriever":{"standard":{}}})", "l", "sort=price").reason() ==
        "Validation Failed: 1: cannot specify [retriever] and [sort];");
}

TEST_CASE_FIXTURE(Listings, "the `_source` of the URL replaces that of the body") {
  const auto source = [&](const std::string& body, const std::string& query) {
    return shown(search(R"({"query":{"ids":{"values":["5"]}},"_source":)" + body + "}", "l", query));
  };
  const std::string cozy = R"("title":"Cozy bedroom under the roof","city":"Paris","price":640000,"area":55.0)";
  CHECK(source(R"({"includes":["city","price"],"excludes":["price"]})", "_source_excludes=garden,listed") ==
        R"("_source":{)" + cozy + "}");
  CHECK(source("false", "_source_includes=city") == R"("_source":{"city":"Paris"})");
  CHECK(source(R"(["city"])", "_source_exclude_vectors=true") ==
        R"("_source":{)" + cozy + R"(,"garden":false,"listed":"2026-03-15"})");
  CHECK(source(R"({"excludes":["city"]})", "_source=city") == R"("_source":{"city":"Paris"})");
}

TEST_CASE_FIXTURE(StoreBench, "bounds between two half_floats lie between them") {
  put("/h", R"({"mappings":{"properties":{"h":{"type":"half_float"}}}})");
  for (const char* value : {"0.1", "0.3", "-0.1", "2049"})
    put("/h/_doc/" + std::string(value), R"({"h":)" + std::string(value) + "}");
  const auto found = [&](const std::string& bound, const std::string& value) {
    return search(R"({"sort":"h","query":{"range":{"h":{")" + bound + "\":" + value + "}}}}", "h").ids();
  };
  CHECK(found("gte", "0.1") == Ids{"0.3", "2049"});  // it holds 0.09997559, 0.30004883 and 2048
  CHECK(found("lt", "0.09998") == Ids{"-0.1", "0.1"});
  CHECK(found("gt", "0.3") == Ids{"0.3", "2049"});
  CHECK(found("lte", "-0.1").empty());
  CHECK(found("gt", "2048.5").empty());
  CHECK(found("gte", "0.0999755859375") == Ids{"0.1", "0.3", "2049"});
  CHECK(search(R"({"query":{"term":{"h":0.1}}})", "h").ids() == Ids{"0.1"});
  CHECK(search(R"({"query":{"terms":{"h":[2049,0.3]}}})", "h").ids() == Ids{"0.3", "2049"});
}

TEST_CASE_FIXTURE(Listings, "a retriever has no boost, and takes a post_filter") {
  const std::string nearest = R"({"retriever":{"knn":{"field":"v","query_vector":[1,0,0,0],"k":2,"num_candidates":9)";
  CHECK(search(nearest + R"(,"boost":2}}})").reason().find("[knn] unknown field [boost]") != std::string::npos);
  CHECK(search(nearest + "}}}").ids() == Ids{"1", "2"});
  CHECK(search(nearest + R"(}},"post_filter":{"term":{"city":"Nice"}}})").ids() == Ids{"2"});
}
