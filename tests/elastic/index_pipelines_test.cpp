#include "server/elastic/writes/index_pipelines.h"

#include <doctest/doctest.h>

#include "memory_store.h"
#include "tests/base/manual_timer.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// A cluster that answers some paths, and 404 to all others.
struct Asked {
  Asked() {
    store.is_cluster = true;
    store.instead = [this](const http::Request& request) -> std::optional<http::Response> {
      const auto found = answers.find(request.path);
      if (found != answers.end()) return found->second;
      return ElasticError{404, "index_not_found_exception", "no such index"}.response();
    };
  }
  void put(const std::string& path, const std::string& body) { answers[path] = json_response(body); }
  IndexPipelines::Names of(const std::string& name) {
    auto names = pipelines.of({}, name);
    REQUIRE(names);
    return *names;
  }

  MemoryStore store;
  std::map<std::string, http::Response> answers;
  ManualTimer timer;
  IndexPipelines pipelines{store, timer};
};

std::string settings(const std::string& first, const std::string& last = "_none") {
  return R"({"settings":{"index":{"default_pipeline":")" + first + R"(","final_pipeline":")" + last + R"("}}})";
}

}  // namespace

TEST_CASE("the pipelines of an index are in its settings, nested or flat") {
  Asked cluster;
  cluster.put("/a/_settings", "{\"a\":" + settings("p", "q") + "}");
  cluster.put("/b/_settings", R"({"b":{"settings":{"index.default_pipeline":"p"}}})");
  CHECK(cluster.of("a").first == "p");
  CHECK(cluster.of("a").last == "q");
  CHECK(cluster.of("b").first == "p");
  CHECK(cluster.of("b").last.empty());
}

TEST_CASE("an alias counts by the index that it writes to") {
  Asked cluster;
  cluster.put("/one/_settings", "{\"real\":" + settings("p") + "}");
  CHECK(cluster.of("one").first == "p");
  CHECK(cluster.of("one").index == "real");
  cluster.put("/many/_settings", "{\"a\":" + settings("p") + ",\"b\":" + settings("q") + "}");
  cluster.put("/many/_alias/many", R"({"a":{"aliases":{"many":{}}},"b":{"aliases":{"many":{"is_write_index":true}}}})");
  CHECK(cluster.of("many").first == "q");
  CHECK(cluster.of("many").index == "b");
  // Without a write index the cluster refuses the write.
  cluster.put("/none/_settings", "{\"a\":" + settings("p") + ",\"b\":" + settings("q") + "}");
  cluster.put("/none/_alias/none", R"({"a":{"aliases":{"none":{}}},"b":{"aliases":{"none":{}}}})");
  CHECK(cluster.of("none").first.empty());
  CHECK(cluster.of("none").index == "none");
}

TEST_CASE("a data stream counts by its newest backing index, under an alias too") {
  Asked cluster;
  const std::string indices = "{\".ds-logs-2026.09.02-000009\":" + settings("old") +
                              ",\".ds-logs-2026.09.01-000010\":" + settings("new") +
                              ",\".ds-other-2026.09.03-000011\":" + settings("other") + "}";
  cluster.put("/logs/_settings", indices);
  CHECK(cluster.of("logs").first == "new");
  cluster.put("/alias/_settings", indices);
  cluster.put("/alias/_alias/alias",
              R"({"other":{"aliases":{"alias":{}}},"logs":{"aliases":{"alias":{"is_write_index":true}}}})");
  CHECK(cluster.of("alias").index == ".ds-logs-2026.09.01-000010");
}

TEST_CASE("an index that is not there yet gets the pipelines of its template, in a cluster") {
  Asked cluster;
  CHECK(cluster.of("nothing").first.empty());
  const std::string path = "/_index_template/_simulate_index/new";
  cluster.put(path, "{\"template\":" + settings("p", "q") + ",\"overlapping\":[]}");
  CHECK(cluster.of("new").first == "p");
  CHECK(cluster.of("new").last == "q");
  CHECK(cluster.store.seen(path).front().method == http::Method::post);
  cluster.put("/_index_template/_simulate_index/bare", "{}");
  CHECK(cluster.of("bare").first.empty());
  cluster.answers["/_index_template/_simulate_index/closed"] =
      ElasticError{403, "security_exception", "unauthorized"}.response();
  CHECK(cluster.of("closed").first.empty());
  cluster.store.is_cluster = false;
  cluster.put("/_index_template/_simulate_index/local", "{\"template\":" + settings("p") + "}");
  CHECK(cluster.of("local").first.empty());
}

TEST_CASE(
    "a caller who may not see the settings has his write left to the cluster, and others are asked for "
    "anew") {
  Asked cluster;
  cluster.answers["/a/_settings"] = ElasticError{403, "security_exception", "unauthorized"}.response();
  Caller stranger;
  stranger.headers.add("Authorization", "Basic x");
  const auto unseen = cluster.pipelines.of(stranger, "a");
  REQUIRE(unseen);
  CHECK(unseen->first.empty());
  CHECK(unseen->last.empty());
  cluster.put("/a/_settings", "{\"a\":" + settings("p") + "}");
  CHECK(cluster.of("a").first == "p");
  cluster.answers["/a/_settings"] = ElasticError{503, "x", "gone"}.response();
  CHECK(cluster.of("a").first == "p");  // kept for a second, for this caller
  Caller another;
  another.headers.add("Authorization", "Basic y");
  CHECK(cluster.pipelines.of(another, "a").error().status == 503);
  cluster.timer.advance(std::chrono::milliseconds(1001));
  CHECK(!cluster.pipelines.of({}, "a"));
}

TEST_CASE("names with date math are passed on as they are") {
  Asked cluster;
  cluster.put("/%3Clogs-%7Bnow%2Fd%7D%3E/_settings", "{\"logs-2026.09.01\":" + settings("p") + "}");
  CHECK(cluster.of("<logs-{now/d}>").first == "p");
}
