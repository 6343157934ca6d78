// Scrolls and points in time: what they show of indices that change meanwhile.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/elastic/embedded/store_fixture.h"

namespace sightline::elastic {
namespace {

constexpr const char* k_missing = "search_context_missing_exception";

/// An index `l` of documents 0 to count - 1, each with its number in `n`.
class ScrollBench : public StoreFixture {
 public:
  explicit ScrollBench(const Limits& limits = {}) : StoreFixture(limits) {
    put("/l",
        R"({"settings":{"number_of_replicas":0},"mappings":{"properties":{"n":{"type":"long"},"w":{"type":"text"}}}})");
  }
  void fill(int count, int from = 0) {
    std::string lines;
    for (int i = from; i < from + count; ++i)
      lines += action(i) + "{\"n\":" + std::to_string(i) + ",\"w\":\"house\"}\n";
    REQUIRE(post("/l/_bulk?refresh=true", lines).at("/errors") == "false");
  }
  static std::string action(int id) { return "{\"index\":{\"_id\":\"" + std::to_string(id) + "\"}}\n"; }

  /// The ids of a page, each counted in `seen`.
  std::vector<std::string> ids(const Reply& reply) {
    REQUIRE_MESSAGE(reply.status == 200, reply.body);
    std::vector<std::string> found;
    for (int i = 0;; ++i) {
      const std::string id = reply.at(("/hits/hits/" + std::to_string(i) + "/_id").c_str());
      if (id.empty()) return found;
      found.push_back(id);
      ++seen[id];
    }
  }
  Reply next(const std::string& id, const char* keep = "10m") const {
    return post("/_search/scroll", "{\"scroll_id\":\"" + id + "\",\"scroll\":\"" + keep + "\"}");
  }
  std::string open_point(const std::string& indices = "l") const {
    return post("/" + indices + "/_pit?keep_alive=10m").at("/id");
  }
  std::string pit(const std::string& id) const { return "\"pit\":{\"id\":\"" + id + "\"}"; }

  std::map<std::string, int> seen;
};

bool all_once(const std::map<std::string, int>& seen) {
  return std::all_of(seen.begin(), seen.end(), [](const auto& one) { return one.second == 1; });
}

}  // namespace

TEST_CASE_FIXTURE(ScrollBench, "a scroll shows each document once, while others write") {
  fill(250);
  for (const char* sort : {R"("sort":["_doc"])", R"("sort":[{"n":"desc"}])", R"("query":{"match":{"w":"house"}})"}) {
    CAPTURE(sort);
    seen.clear();
    Reply page = post("/l/_search?scroll=10m", "{\"size\":20," + std::string(sort) + "}");
    CHECK(page.at("/hits/total/value") == "250");
    const std::string id = page.at("/_scroll_id");
    REQUIRE(id.size() == 32);
    CHECK(ids(page).size() == 20);
    // All are written anew, with other values and another order; some go, and some are new.
    std::string lines;
    for (int i = 249; i >= 0; --i)
      lines += action(i) + "{\"n\":" + std::to_string((i * 7) % 250) + ",\"w\":\"house\",\"again\":true}\n";
    for (int i = 100; i < 130; ++i) lines += "{\"delete\":{\"_id\":\"" + std::to_string(i) + "\"}}\n";
    lines += action(1000) + "{\"n\":1000,\"w\":\"house\"}\n";
    REQUIRE(post("/l/_bulk?refresh=true", lines).at("/errors") == "false");
    std::size_t pages = 1;
    for (; page = next(id), page.at("/hits/hits/0/_id") != ""; ++pages) {
      CHECK(page.at("/_scroll_id") == id);
      CHECK(page.at("/hits/total/value") == "250");
      CHECK(page.at("/hits/hits/0/_source/again") == "true");  // as it is now
      const std::size_t count = ids(page).size();
      CHECK(count > 0);
      if (count < 20) CHECK(next(id).at("/hits/hits/0/_id") == "");  // gaps are filled up
    }
    CHECK(pages > 10);
    CHECK(all_once(seen));
    CHECK(seen.size() >= 220);
    CHECK_FALSE(seen.contains("1000"));
    for (int i = 0; i < 250; ++i) {
      if (i < 100 || i >= 130) CHECK_MESSAGE(seen.contains(std::to_string(i)), i);
    }
    remove("/l/_doc/1000");
    fill(250);
  }
}

TEST_CASE_FIXTURE(ScrollBench, "pages of a scroll have the scores, sort values and fields of the search") {
  fill(5);
  const std::string whole = R"({"sort":[{"n":"desc"},"_score"],"version":true,"fields":["n"],"_source":false,)"
                            R"("query":{"match":{"w":{"query":"house"}}},"aggs":{"a":{"max":{"field":"n"}}},)";
  const Reply all = post("/l/_search", whole + R"("size":5})");
  const Reply first = post("/l/_search?scroll=10m", whole + R"("size":3})");
  CHECK(first.at("/hits/hits") != "");
  CHECK(first.at("/aggregations/a/value") == "4.0");
  const Reply second = next(first.at("/_scroll_id"));
  CHECK(second.at("/aggregations").empty());
  CHECK(second.at("/hits/max_score") == all.at("/hits/max_score"));
  for (int i = 0; i < 5; ++i) {
    const Reply& page = i < 3 ? first : second;
    const std::string hit = "/hits/hits/" + std::to_string(i < 3 ? i : i - 3), same = "/hits/hits/" + std::to_string(i);
    CHECK(page.at(hit.c_str()) == all.at(same.c_str()));
  }
  CHECK(get("/l/_search?scroll=10m&rest_total_hits_as_int=true&size=1").at("/hits/total") == "5");
  const std::string id = get("/l/_search?scroll=10m&size=1").at("/_scroll_id");
  CHECK(get("/_search/scroll?scroll=1m&rest_total_hits_as_int=true&scroll_id=" + id).at("/hits/total") == "5");
  CHECK(get("/_search/scroll?scroll=1m&scroll_id=" + id).at("/hits/hits/0/_id") == "2");
}

TEST_CASE_FIXTURE(ScrollBench, "a scroll ends when it is closed, expires, or is asked for without keep alive") {
  fill(4);
  const auto opened = [&](const char* keep = "10m") {
    return get(std::string("/l/_search?size=1&scroll=") + keep).at("/_scroll_id");
  };
  const Reply last = get("/_search/scroll?scroll_id=" + opened());
  CHECK(last.status == 200);
  CHECK(last.at("/_scroll_id").empty());

  const std::string id = opened();
  CHECK(remove("/_search/scroll?scroll_id=" + id).body == R"({"succeeded":true,"num_freed":1})");
  const Reply again = remove("/_search/scroll?scroll_id=" + id);
  CHECK(again.status == 404);
  CHECK(again.body == R"({"succeeded":true,"num_freed":0})");
  const Reply gone = next(id);
  CHECK(gone.status == 404);
  CHECK(gone.error_type() == "search_phase_execution_exception");
  CHECK(gone.at("/error/root_cause/0/type") == k_missing);
  CHECK(gone.at("/error/root_cause/0/type") == k_missing);

  CHECK(next(opened("1s")).at("/error/root_cause/0/type") == k_missing);  // each look at the clock is a second
  const std::string first = opened(), second = opened(), third = opened();
  CHECK(call(http::Method::delete_, "/_search/scroll", R"({"scroll_id":[")" + first + "\"]}").at("/num_freed") == "1");
  CHECK(remove("/_search/scroll?scroll_id=" + second).at("/num_freed") == "1");
  const std::string point = open_point();
  CHECK(remove("/_search/scroll?scroll_id=_all").at("/num_freed") == "1");
  CHECK(post("/_search", "{" + pit(point) + "}").status == 200);

  const std::string of_deleted = opened();
  remove("/l");
  CHECK(next(of_deleted).at("/error/root_cause/0/type") == k_missing);
  CHECK(post("/_search", "{" + pit(point) + "}").at("/error/root_cause/0/type") == k_missing);
  fill(1);
  CHECK(next(of_deleted).status == 404);  // another index of that name
}

TEST_CASE_FIXTURE(ScrollBench, "what a scroll cannot be asked is refused as Elasticsearch does") {
  fill(1);
  const auto reason = [&](const std::string& parameters, const std::string& body = "{}") {
    const Reply reply = post("/l/_search?scroll=" + parameters, body);
    CHECK(reply.status == 400);
    return reply.reason();
  };
  CHECK(reason("1m&from=2") == "Validation Failed: 1: using [from] is not allowed in a scroll context;");
  CHECK(reason("1m&size=0") == "Validation Failed: 1: [size] cannot be [0] in a scroll context;");
  CHECK(reason("1m&track_total_hits=false") ==
        "Validation Failed: 1: disabling [track_total_hits] is not allowed in a scroll context;");
  CHECK(reason("1m", R"({"sort":["n"],"search_after":[1]})") ==
        "Validation Failed: 1: [search_after] cannot be used in a scroll context;");
  CHECK(reason("soon") ==
        "failed to parse setting [scroll] with value [soon] as a time value: unit is missing or unrecognized");
  CHECK(reason("25h").find("is too large, the limit is [86400s]") != std::string::npos);
  CHECK(post("/l/_search?scroll=1m&size=20000").body.find("Result window is too large") != std::string::npos);
  CHECK(post("/_search/scroll").reason() == "Validation Failed: 1: scrollId is missing;");
  CHECK(post("/_search/scroll", "[]").reason() == "Malformed content, must start with an object");
  CHECK(post("/_search/scroll", R"({"scroll_id":"a"})").reason() == "Cannot parse scroll id [a]");
  CHECK(post("/_search/scroll", R"({"scroll_id":["a"]})").error_type() == "illegal_argument_exception");
  CHECK(remove("/_search/scroll").reason() == "Validation Failed: 1: no scroll ids specified;");
  CHECK(put("/_search/scroll").status == 405);
}

TEST_CASE("scrolls and points in time are bounded in number, memory and time") {
  Limits limits;
  limits.max_scrolls = 2;
  limits.max_scroll_bytes = 20'000;
  ScrollBench store(limits);
  store.fill(2000);
  const Reply large = store.get("/l/_search?scroll=10m&size=1");
  CHECK(large.status == 429);
  CHECK(large.reason().find("--elasticsearch-max-scroll-bytes") != std::string::npos);
  CHECK(store.post("/l/_search?scroll=10m", R"({"query":{"range":{"n":{"lt":5}}},"size":1})").status == 200);
  CHECK(store.open_point() != "");
  for (const Reply& third : {store.get("/l/_search?scroll=10m&size=1999"), store.post("/l/_pit?keep_alive=1m")}) {
    CHECK(third.status == 429);
    CHECK(third.error_type() == "too_many_scroll_contexts_exception");
    CHECK(third.reason().find("--elasticsearch-max-scrolls") != std::string::npos);
  }
  CHECK(store.remove("/_search/scroll?scroll_id=_all").at("/num_freed") == "1");
  CHECK(store.post("/l/_pit?keep_alive=1s").status == 200);
  CHECK(store.post("/l/_pit?keep_alive=1s").status == 200);  // the one before has expired
}

TEST_CASE("hits with many sort keys are counted before they are collected") {
  Limits limits;
  limits.max_scroll_bytes = limits.max_answer_bytes = 200'000;
  ScrollBench store(limits);
  store.fill(500);
  std::string keys;
  for (int i = 0; i < 50; ++i) keys += i == 0 ? "\"n\"" : ",\"n\"";
  const std::string sorted = "{\"_source\":false,\"sort\":[" + keys + "],\"size\":";
  const Reply scroll = store.post("/l/_search?scroll=10m", sorted + "1}");
  CHECK(scroll.status == 429);
  CHECK(scroll.reason().find("would keep [608000] bytes") != std::string::npos);  // 500 x (16 + 50 x 24)
  CHECK(store.post("/l/_search?scroll=10m", R"({"sort":["n"],"size":1})").status == 200);
  const Reply search = store.post("/l/_search", sorted + "200}");
  CHECK(search.status == 413);
  CHECK(search.reason().find("--elasticsearch-max-answer-bytes") != std::string::npos);
  CHECK(store.post("/l/_search", sorted + "50}").status == 200);
  CHECK(store.post("/l/_search", sorted + R"(200,"query":{"range":{"n":{"lt":20}}}})").at("/hits/total/value") == "20");
}

TEST_CASE_FIXTURE(ScrollBench, "the hits of many indices are merged in order") {
  for (const char* name : {"/l", "/m", "/o"}) {
    std::string lines;
    for (int i = 0; i < 40; ++i)
      lines += action(i) + "{\"n\":" + std::to_string((i * 17 + name[1]) % 40) + ",\"w\":\"house\"}\n";
    REQUIRE(post(std::string(name) + "/_bulk?refresh=true", lines).at("/errors") == "false");
  }
  const Reply page = post("/l,m,o/_search", R"({"sort":["n"],"from":5,"size":20})");
  for (int i = 0; i < 20; ++i) {
    CHECK(page.at(("/hits/hits/" + std::to_string(i) + "/sort/0").c_str()) == std::to_string((i + 5) / 3));
    CHECK(page.at(("/hits/hits/" + std::to_string(i) + "/_index").c_str()) ==
          std::string("lmo").substr((i + 5) % 3, 1));
  }
}

TEST_CASE_FIXTURE(ScrollBench, "a point in time is paged by search_after, while others write") {
  fill(100);
  put("/m", R"({"mappings":{"properties":{"n":{"type":"long"}}}})");
  for (int i = 0; i < 20; ++i) put("/m/_doc/m" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}");
  post("/m/_refresh");
  for (const char* sort : {"[\"_shard_doc\"]", "[{\"_shard_doc\":\"desc\"}]", "[\"n\"]", "[\"_score\"]"}) {
    CAPTURE(sort);
    seen.clear();
    const std::string id = open_point("l,m");
    REQUIRE(id.size() == 32);
    put("/l/_doc/new?refresh=true", R"({"n":5,"w":"house"})");
    std::string after;
    for (int pages = 0; pages < 50; ++pages) {
      const Reply page = post("/_search", "{\"size\":7," + pit(id) + ",\"sort\":" + sort + after + "}");
      CHECK(page.at("/pit_id") == id);
      CHECK(page.at("/hits/total/value") == "120");
      const std::vector<std::string> found = ids(page);
      if (found.empty()) break;
      after = ",\"search_after\":" + page.at(("/hits/hits/" + std::to_string(found.size() - 1) + "/sort").c_str());
      // Written anew with the same values: each keeps its place.
      for (const char* again : {"3", "50", "99"})
        put(std::string("/l/_doc/") + again + "?refresh=true", std::string("{\"n\":") + again + ",\"w\":\"house\"}");
    }
    CHECK(seen.size() == 120);
    CHECK(all_once(seen));
    CHECK(call(http::Method::delete_, "/_pit", "{\"id\":\"" + id + "\"}").body ==
          R"({"succeeded":true,"num_freed":1})");
    CHECK(call(http::Method::delete_, "/_pit", "{\"id\":\"" + id + "\"}").status == 404);
    CHECK(post("/_search", "{" + pit(id) + "}").at("/error/root_cause/0/type") == k_missing);
    remove("/l/_doc/new");
  }
}

TEST_CASE_FIXTURE(ScrollBench, "a point in time holds when many documents go and memory is put in order") {
  fill(3000);
  const std::string id = open_point();
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "{\"delete\":{\"_id\":\"" + std::to_string(i) + "\"}}\n";
  for (int i = 2500; i < 3000; ++i) lines += action(i) + "{\"n\":1}\n";
  REQUIRE(post("/l/_bulk?refresh=true", lines).at("/errors") == "false");
  fill(10, 5000);
  CHECK(post("/_search", "{" + pit(id) + "}").at("/hits/total/value") == "1000");
  CHECK(post("/_search", "{" + pit(id) + R"(,"sort":["_shard_doc"],"size":1})").at("/hits/hits/0/_id") == "2000");
  CHECK(post("/_search", "{" + pit(id) + R"(,"sort":[{"_shard_doc":"desc"}],"size":1})").at("/hits/hits/0/_id") ==
        "2999");
}

TEST_CASE_FIXTURE(ScrollBench, "nearest neighbours of a point in time are of its documents") {
  put("/v", R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":2,"similarity":"l2_norm"}}}})");
  put("/v/_doc/far?refresh=true", R"({"v":[5,5]})");
  const std::string id = open_point("v");
  put("/v/_doc/near?refresh=true", R"({"v":[1,1]})");
  const std::string knn = R"("knn":{"field":"v","query_vector":[1,1],"k":1,"num_candidates":5})";
  CHECK(post("/v/_search", "{" + knn + "}").at("/hits/hits/0/_id") == "near");
  CHECK(post("/_search", "{" + knn + "," + pit(id) + "}").at("/hits/hits/0/_id") == "far");
}

TEST_CASE_FIXTURE(ScrollBench, "what a point in time cannot be asked is refused as Elasticsearch does") {
  fill(5);
  const std::string id = open_point();
  const auto reason = [&](const std::string& target, const std::string& body) {
    const Reply reply = post(target, body);
    CHECK(reply.status == 400);
    return reply.reason();
  };
  for (const char* target : {"/l/_search", "/_search?ignore_unavailable=true"})
    CHECK(reason(target, "{" + pit(id) + "}").find("cannot be used with a point in time") != std::string::npos);
  CHECK(reason("/_search?scroll=1m", "{" + pit(id) + "}") ==
        "Validation Failed: 1: using [point in time] is not allowed in a scroll context;");
  CHECK(reason("/_search", R"({"pit":{}})") == "point in time id is not provided");
  CHECK(reason("/_search", R"({"pit":{"id":"abc"}})") == "Cannot parse point in time id [abc]");
  CHECK(reason("/_search", R"({"pit":{"id":"abc","foo":1}})").starts_with("[1:20] [pit] unknown field [foo]"));
  CHECK(reason("/l/_pit", "") == "Validation Failed: 1: [keep_alive] is not specified;");
  CHECK(reason("/l/_pit?keep_alive=25h", "").find("is too large, the limit is [86400s]") != std::string::npos);
  CHECK(post("/nope/_pit?keep_alive=1m").error_type() == "index_not_found_exception");
  CHECK(call(http::Method::delete_, "/_pit").reason() == "request body or source parameter is required");
  CHECK(call(http::Method::delete_, "/_pit", "{}").reason() == "search context id is is not provided");
  // Ties are broken by themselves, and search_after may leave that key out.
  const Reply tied = post("/_search", "{" + pit(id) + R"(,"sort":[{"n":"desc"}],"size":1})");
  CHECK(tied.at("/hits/hits/0/sort/0") == "4");
  CHECK(tied.at("/hits/hits/0/sort/1") != "");
  CHECK(post("/_search", "{" + pit(id) + R"(,"sort":["n"],"search_after":[3]})").at("/hits/hits/0/_id") == "4");
  CHECK(post("/_search", "{" + pit(id) + R"(,"sort":["n"],"search_after":[3,1,4]})")
            .body.find("search_after has 3 value(s) but sort has 1.") != std::string::npos);
  CHECK(get("/l/_search?sort=_shard_doc&size=2").at("/hits/hits/1/sort") == "[1]");
}

}  // namespace sightline::elastic
