// ES|QL that names endpoints: what is found in its text, and what the front refuses.
#include "server/elastic/query_vectors/esql_embeddings.h"

#include <doctest/doctest.h>

#include "definition_bench.h"
#include "front_bench.h"
#include "memory_store.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

using Ids = std::vector<std::string>;

struct Bench {
  Bench() : gateway(store, std::string(64, 'a')) {
    store.is_cluster = true;
    store.instead = [this](const http::Request& request) -> std::optional<http::Response> {
      if (!request.path.starts_with("/_query")) return {};
      passed.push_back(request.body);
      return json_response("{}");
    };
    REQUIRE(gateway.put("/_inference/text_embedding/clip", endpoint_at(upstream.url())).status == 200);
  }
  /// True if the query reaches the cluster, with the same bytes.
  bool passes(const std::string& query, const std::string& path = "/_query") {
    const std::string body = json::Builder().object().member("query", query).text();
    const auto response = gateway.post(path, body);
    if (!passed.empty() && passed.back() == body) return response.status == 200;
    CHECK(response.status == 400);
    CHECK(reason(response).starts_with("inference endpoint [clip] is stored by the gateway, and ES|QL runs in"));
    return false;
  }

  Upstream upstream;
  MemoryStore store;
  GatewayFront gateway;
  std::vector<std::string> passed;
};

}  // namespace

TEST_CASE("endpoints are found in calls of the embedding functions") {
  CHECK(embedding_endpoints_in(R"(ROW v = TEXT_EMBEDDING("a red house", "clip-search"))") == Ids{"clip-search"});
  CHECK(embedding_endpoints_in(
            R"(FROM p | WHERE KNN(v, text_embedding ( ?q , "a" ) ) | EVAL w = Embedding(t, "b")))") == Ids{"a", "b"});
  CHECK(embedding_endpoints_in(R"(ROW v = TEXT_EMBEDDING(CONCAT("a,", b), "clip", {"timeout": "5s"}))") == Ids{"clip"});
  CHECK(embedding_endpoints_in("TEXT_EMBEDDING /* of, (it) */ (\"x\", // the id\n\"\"\"clip\"\"\")") == Ids{"clip"});
  CHECK(embedding_endpoints_in(R"(TEXT_EMBEDDING(TEXT_EMBEDDING("x", "inner"), "outer"))") == Ids{"inner", "outer"});
}

TEST_CASE("what only looks like such a call is none") {
  for (const char* query : {
           R"q(FROM p | WHERE t == "TEXT_EMBEDDING(\"x\", \"clip\")")q",
           R"q(FROM p | EVAL x = `TEXT_EMBEDDING`("x", "clip"))q",
           R"q(FROM p // TEXT_EMBEDDING("x", "clip"))q",
           R"q(/* /* */ TEXT_EMBEDDING("x", "clip") */ FROM p)q",
           R"q(MY_TEXT_EMBEDDING("x", "clip"))q",
           R"q(a.embedding("x", "clip"))q",
           R"q(TEXT_EMBEDDING("clip"))q",
           R"q(TEXT_EMBEDDING("x", ?id, "clip"))q",
           R"q(TEXT_EMBEDDING("x", CONCAT("cl", "ip")))q",
           R"q(TEXT_EMBEDDING("x", "cl\u0069p"))q",
           R"q(TEXT_EMBEDDING["x", "clip"])q",
           R"q(TEXT_EMBEDDING, ("x", "clip"))q",
           R"q(TEXT_EMBEDDING("x", "clip)q",
           R"q(TEXT_EMBEDDING("x)q",
           R"q(""")q",
           R"q("\)q",
           "/*",
           "`",
           ")",
           "",
           R"q())(((,"a")q",
       }) {
    CAPTURE(query);
    CHECK(embedding_endpoints_in(query).empty());
  }
  CHECK(may_embed("x tExT_eMbEdDiNg("));
  CHECK_FALSE(may_embed("FROM embed | LIMIT 1"));
}

TEST_CASE(
    "ES|QL that names an endpoint of the gateway is refused, and all other ES|QL reaches the cluster as it came") {
  Bench bench;
  CHECK_FALSE(bench.passes(R"(ROW v = TEXT_EMBEDDING("x", "clip"))"));
  CHECK_FALSE(bench.passes(R"(ROW v = EMBEDDING("x", "clip"))", "/_query/async?format=csv"));
  CHECK(bench.passes(R"(ROW v = TEXT_EMBEDDING("x", "theirs"))"));
  CHECK(bench.passes(R"(ROW v = TEXT_EMBEDDING("x", ?id))"));
  CHECK(bench.passes(R"(FROM p | WHERE t == "TEXT_EMBEDDING")"));
  const std::string broken = R"q({"query": "TEXT_EMBEDDING(\"x\", \"clip\")" )q";
  bench.gateway.post("/_query", broken);
  CHECK(bench.passed.back() == broken);
  // The cluster's endpoint of the same name is the one that is called.
  bench.gateway.native.on = true;
  bench.gateway.native.ids = {"clip"};
  CHECK(bench.passes(R"(ROW v = TEXT_EMBEDDING("x", "clip"))"));
}

TEST_CASE("brackets nest 1,000 deep at most, and what is open takes no more memory") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + R"(embedding("a", "id"))"; };
  CHECK(embedding_endpoints_in(nested(900)) == std::vector<std::string>{"id"});
  CHECK(embedding_endpoints_in(nested(1'000'000)).empty());
}
