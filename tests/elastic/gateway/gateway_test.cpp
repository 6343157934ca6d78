// The whole port before a cluster, which is an embedded store behind a port of its own.
#include <doctest/doctest.h>
#include <optional>
#include <rapidjson/document.h>

#include "passing.h"
#include "server/elastic/elastic_server.h"
#include "server/elastic/embedded/embedded_store.h"
#include "server/elastic/rest/rest_layer.h"
#include "tests/base/temporary_folder.h"
#include "tests/elastic/upstream.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// Documents alone: it knows neither inference nor pipelines.
class ClusterOnDisk {
 public:
  ClusterOnDisk() {
    store_ = *open_embedded_store(folder_.path());
    const auto rest =
        std::make_shared<rest::RestLayer>([this](http::Request&& request) { return store_->handle(request); });
    http::Server::Options options;
    options.error_response = rest::error_response;
    server_ = http::serve(
        [rest](http::Request&& request, http::Reply reply) { reply.send((*rest)(std::move(request))); }, options);
  }
  ~ClusterOnDisk() { server_->stop(); }
  std::uint16_t port() const { return server_->port(); }
  void stop() { server_->stop(); }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<http::Server> server_;
};

std::unique_ptr<ElasticServer> gateway_to(std::uint16_t port, const Limits& limits = {}) {
  ElasticServer::Cluster cluster;
  cluster.access.url = "http://127.0.0.1:" + std::to_string(port);
  ElasticServer::Options options;
  options.port = 0;
  options.workers = 4;
  options.limits = limits;
  options.documents = cluster;
  auto started = ElasticServer::start(options);
  REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().message));
  return std::move(*started);
}

struct Asker {
  http::Response ask(std::uint16_t port, http::Method method, const std::string& target, std::string body = {},
                     http::Headers headers = {}) {
    http::ClientRequest request = http::request_to(http::url(port, target), method);
    request.headers = std::move(headers);
    if (!body.empty() && !request.headers.get("Content-Type")) request.headers.set("Content-Type", "application/json");
    request.body = std::move(body);
    auto response = client->send_and_wait(std::move(request));
    REQUIRE(response.ok());
    return std::move(*response);
  }
  std::unique_ptr<http::Client> client = http::client_with();
};

struct GatewayBench {
  explicit GatewayBench(const Limits& limits = {}) : gateway(gateway_to(cluster.port(), limits)) {}
  http::Response ask(http::Method method, const std::string& target, std::string body = {},
                     http::Headers headers = {}) {
    return caller.ask(gateway->port(), method, target, std::move(body), std::move(headers));
  }
  http::Response get(const std::string& target) { return ask(http::Method::get, target); }
  rapidjson::Document json(const http::Response& response) {
    INFO(response.body);
    rapidjson::Document document;
    document.Parse(response.body.data(), response.body.size());
    REQUIRE(!document.HasParseError());
    return document;
  }
  void make_endpoint(const std::string& id = "clip") {
    const auto made = ask(
        http::Method::put, "/_inference/text_embedding/" + id,
        R"({"service":"custom","service_settings":{"similarity":"cosine","url":")" + upstream.url() +
            R"(","request":"{\"input\":${input}}","response":{"json_parser":{"text_embeddings":"$.data[*].embedding"}}}})");
    CHECK_MESSAGE(made.status == 200, made.body);
  }
  ClusterOnDisk cluster;
  Upstream upstream;
  std::unique_ptr<ElasticServer> gateway;
  Asker caller;
};

}  // namespace

TEST_CASE("what the cluster can do is done by the cluster") {
  GatewayBench bench;
  CHECK(bench.ask(http::Method::put, "/pics", R"({"mappings":{"properties":{"t":{"type":"text"}}}})").status == 200);
  CHECK(bench.ask(http::Method::put, "/pics/_doc/1?refresh=true", R"({"t":"red bicycle"})").status == 201);
  CHECK(bench.ask(http::Method::put, "/pics/_create/1", R"({"t":"again"})").status == 409);
  for (const char* target : {"/pics/_search?q=t:red&filter_path=hits.hits._id", "/pics/_doc/1", "/pics/_mapping?pretty",
                             "/nowhere/_search", "/_no/such/thing", "/pics/_count?foo=1"}) {
    const auto direct = bench.caller.ask(bench.cluster.port(), http::Method::get, target);
    const auto through = bench.get(target);
    CHECK(through.status == direct.status);
    CHECK(through.content_type == direct.content_type);
    CHECK(through.headers.get("X-elastic-product") == "Elasticsearch");
    if (direct.body.find("took") == std::string::npos) CHECK(through.body == direct.body);
  }
  CHECK(bench.ask(http::Method::head, "/pics").status == 200);
  CHECK(bench.ask(http::Method::head, "/nowhere").status == 404);
}

TEST_CASE("endpoints are kept in the cluster, and build the vectors of searches") {
  GatewayBench bench;
  bench.make_endpoint();
  bench.ask(http::Method::put, "/pics",
            R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":3,"similarity":"cosine"}}}})");
  bench.ask(http::Method::put, "/pics/_doc/near?refresh=true", R"({"v":[4,1,0.5]})");
  bench.ask(http::Method::put, "/pics/_doc/far?refresh=true", R"({"v":[-4,1,0.5]})");
  const auto found = bench.json(bench.ask(
      http::Method::post, "/pics/_search",
      R"({"knn":{"field":"v","k":1,"num_candidates":10,"query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":"abcd"}}}})"));
  REQUIRE(found.HasMember("hits"));
  CHECK(std::string(found["hits"]["hits"][0]["_id"].GetString()) == "near");

  // A second gateway has what the first made, and none of its own state.
  const auto second = gateway_to(bench.cluster.port());
  CHECK(bench.caller.ask(second->port(), http::Method::get, "/_inference/clip").status == 200);
  CHECK(bench.caller.ask(second->port(), http::Method::delete_, "/_inference/clip").status == 200);
}

TEST_CASE("the index of endpoints is closed to all, and wildcards skip it") {
  GatewayBench bench;
  bench.make_endpoint();
  bench.ask(http::Method::put, "/pics/_doc/1?refresh=true", R"({"t":"x"})");
  for (const char* target : {"/.sightline/_search", "/.sightline", "/pics,.sightline/_search", "/%2Esightline/_doc/x"})
    CHECK_MESSAGE(bench.get(target).status == 403, target);
  const auto yaml = bench.ask(http::Method::post, "/_mget", "docs: [{_index: .sightline, _id: x}]", [] {
    http::Headers headers;
    headers.set("Content-Type", "application/yaml");
    return headers;
  }());
  CHECK(yaml.status == 403);
  for (const char* target : {"/*/_search?expand_wildcards=all", "/_search?expand_wildcards=open,hidden",
                             "/_all/_search?expand_wildcards=all", "/.*,pics/_search", "/.sight*/_search"}) {
    const auto answer = bench.get(target);
    CHECK_MESSAGE(answer.status == 200, target);
    CHECK_MESSAGE(answer.body.find("endpoint:clip") == std::string::npos, target);
  }
  for (const char* target :
       {"/,/_search?expand_wildcards=all", "/%2C/_search?expand_wildcards=all", "//_search?expand_wildcards=all",
        "/_all::data/_search?expand_wildcards=all", "/%5Fall%3A%3Adata/_search?expand_wildcards=all",
        "/*,-foo/_search?expand_wildcards=all", "/-x/_search?expand_wildcards=all", "/%3C.sightline%3E/_search",
        "/.SIGHTLINE/_search", "/_search?index=&expand_wildcards=all", "/_search/template?expand_wildcards=all"}) {
    const auto answer = bench.get(target);
    CHECK_MESSAGE(answer.body.find("endpoint:clip") == std::string::npos, target);
  }
  for (const char* header : {R"({"index":""})", R"({"index":[]})", R"({"index":[""]})"}) {
    const auto answer = bench.ask(http::Method::post, "/_msearch?expand_wildcards=all", std::string(header) + "\n{}\n");
    CHECK_MESSAGE(answer.status == 403, header);
  }
  CHECK(bench.ask(http::Method::post, "/,/_pit?expand_wildcards=all&keep_alive=1m").status == 400);
  CHECK(bench.json(bench.get("/*/_search?expand_wildcards=all"))["hits"]["total"]["value"].GetInt() == 1);
}

TEST_CASE("a path that a proxy before the cluster could lead elsewhere is refused") {
  GatewayBench bench;
  for (const char* target : {"/../admin", "/%2e%2e/admin", "/_search/../pics", "/pics/_search%2f..%2fother", "/./pics",
                             "/pics/.%2E", "/pics/..%5Cother"}) {
    CAPTURE(target);
    const auto refused = bench.get(target);
    CHECK(refused.status == 400);
    CHECK(refused.body.find("illegal_argument_exception") != std::string::npos);
  }
  for (const char* target : {"/pics..a/_doc/1", "/pics/_doc/...", "/pics/_doc/a.b"})
    CHECK(bench.get(target).status == 404);
}

TEST_CASE("a body that is not JSON is for the cluster to judge") {
  GatewayBench bench;
  http::Headers headers;
  headers.set("Content-Type", "text/plain");
  const auto direct = bench.caller.ask(bench.cluster.port(), http::Method::post, "/pics/_bulk", "not json", headers);
  const auto through = bench.ask(http::Method::post, "/pics/_bulk", "not json", headers);
  CHECK(through.status == 406);
  CHECK(through.body == direct.body);
  const auto broken = bench.ask(http::Method::post, "/pics/_search", "{\"query\":");
  CHECK(broken.status == 400);
  CHECK(broken.body == bench.caller.ask(bench.cluster.port(), http::Method::post, "/pics/_search", "{\"query\":").body);
}

TEST_CASE("the gateway's own answers have the requested format") {
  GatewayBench bench;
  bench.make_endpoint();
  http::Headers headers;
  headers.set("Accept", "application/vnd.elasticsearch+json; compatible-with=8");
  headers.set("X-Opaque-Id", "42");
  const auto shown =
      bench.ask(http::Method::get, "/_inference/clip?filter_path=endpoints.inference_id&pretty", "", headers);
  CHECK(shown.body == "{\n  \"endpoints\" : [\n    {\n      \"inference_id\" : \"clip\"\n    }\n  ]\n}\n");
  CHECK(shown.content_type == "application/vnd.elasticsearch+json;compatible-with=8");
  CHECK(shown.headers.get("X-Opaque-Id") == "42");
  CHECK(shown.headers.get("X-elastic-product") == "Elasticsearch");
}

TEST_CASE("the gateway reads no answer of the cluster that would become too many values, and passes any on") {
  Limits limits;
  limits.max_bulk_values = 100;
  limits.max_patterns = 10;
  GatewayBench bench(limits);
  for (int i = 0; i < 10; ++i) bench.make_endpoint("clip" + std::to_string(i));
  CHECK(bench.get("/_inference/clip7").status == 200);
  const auto listed = bench.get("/_inference/_all");
  CHECK(listed.status == 502);
  CHECK(listed.body.find("--elasticsearch-max-bulk-values") != std::string::npos);
  std::string document = R"({"a":[0)";
  for (int i = 0; i < 80; ++i) document += ",0";
  document += "]}";
  for (const char* id : {"1", "2"}) {
    const auto written = bench.ask(http::Method::put, std::string("/i/_doc/") + id + "?refresh=true", document);
    CHECK(written.status == 201);
  }
  CHECK(bench.get("/i/_search").body.find(",0,0") != std::string::npos);
  // And no filter of more levels than the limit: the cluster is not asked.
  const auto filtered = bench.get("/i/_search?filter_path=a.b.c.d.e.f.g.h.i.j.k");
  CHECK(filtered.status == 400);
  CHECK(filtered.body.find("--elasticsearch-max-patterns") != std::string::npos);
}

TEST_CASE("requests for which the gateway waits for its cluster are bounded, and end with their clients") {
  http::Parked cluster;
  Limits limits;
  limits.max_waiting_requests = 1;
  const auto gateway = gateway_to(cluster.server->port(), limits);
  std::optional<http::RawClient> leaving(std::in_place, gateway->port());
  leaving->send(http::get("/_inference/clip"));
  // The gateway itself looks at its cluster when it starts.
  const auto first = cluster.next(), second = cluster.next();
  Asker other;
  const auto refused = other.ask(gateway->port(), http::Method::get, "/_inference/clip");
  CHECK(refused.status == 429);
  CHECK(refused.body.find("--elasticsearch-max-waiting-requests") != std::string::npos);
  leaving.reset();
  CHECK(http::eventually([&] { return first.second.client_left() || second.second.client_left(); }));
  CHECK(first.second.client_left() != second.second.client_left());
  const auto begun = std::chrono::steady_clock::now();
  gateway->stop();
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
  CHECK(http::eventually([&] { return first.second.client_left() && second.second.client_left(); }));
}

TEST_CASE("the status shows what is done where") {
  GatewayBench bench;
  bench.make_endpoint();
  const auto status = bench.json(bench.get("/_sightline/gateway"));
  CHECK(std::string(status["mode"].GetString()) == "auto");
  CHECK(std::string(status["inference"].GetString()) == "gateway");
  CHECK(status["cluster"]["reachable"].IsTrue());
  CHECK(status["cluster"]["version"].IsString());
  CHECK(std::string(status["cluster"]["licence"].GetString()) == "basic");
  CHECK(status["kept_here"]["endpoints"].GetInt() == 1);
  CHECK(status["kept_here"]["pipelines"].GetInt() == 0);
  CHECK(std::string(status["reason"].GetString()).size() > 20);
  bench.cluster.stop();
  CHECK(bench.json(bench.get("/_sightline/gateway"))["cluster"]["reachable"].IsFalse());
}

TEST_CASE("a gateway starts without its cluster, and reports that to every caller") {
  const auto gateway = gateway_to(dead_port());
  Asker caller;
  const auto refused = caller.ask(gateway->port(), http::Method::get, "/pics/_search");
  CHECK(refused.status == 503);
  CHECK(refused.headers.get("X-elastic-product") == "Elasticsearch");
  const auto status = caller.ask(gateway->port(), http::Method::get, "/_sightline/gateway");
  CHECK(status.status == 200);
  CHECK(status.body.find("\"reachable\":false") != std::string::npos);
  CHECK(status.body.find("\"kept_here\":null") != std::string::npos);
}

TEST_CASE("a gateway does not start with a URL or a fingerprint that cannot be used") {
  ElasticServer::Options options;
  options.port = 0;
  ElasticServer::Cluster cluster;
  cluster.access.url = "http://elastic:hush@127.0.0.1:9200";
  options.documents = cluster;
  CHECK(!ElasticServer::start(options).ok());
  cluster.access.url = "https://127.0.0.1:9200";
  cluster.access.ca_fingerprint = "12:34";
  options.documents = cluster;
  CHECK(!ElasticServer::start(options).ok());
}
