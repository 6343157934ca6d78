// Requests that wait for the network, and what others notice of them.
#include <doctest/doctest.h>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "front_bench.h"
#include "server/elastic/elastic_server.h"
#include "tests/base/temporary_folder.h"
#include "tests/http/raw_client.h"
#include "upstream.h"

using namespace sightline;
using namespace sightline::elastic;
using namespace std::chrono_literals;

namespace {

using Pending = std::future<Result<http::Response>>;

/// A port with two workers, and two endpoints whose server answers when the test lets it: `clip` and `other`.
struct OccupiedBench {
  explicit OccupiedBench(const Limits& limits = {}) : client(std::move(*http::Client::create({}))) {
    ElasticServer::Options options;
    options.port = 0;
    options.documents = ElasticServer::EmbeddedStore{folder.path()};
    options.workers = 2;
    options.limits = limits;
    auto started = ElasticServer::start(options);
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().message));
    server = std::move(*started);
    for (const char* name : {"clip", "other"}) make_endpoint(name);
  }
  ~OccupiedBench() { upstream.release(); }

  /// Its host is a parameter, so that a request may let it call any other.
  void make_endpoint(const std::string& name) {
    const std::string own = std::to_string(server->port());
    const std::string upstreams = upstream.url("").substr(upstream.url("").rfind(':') + 1);
    const auto made =
        call(http::Method::put, "/_inference/text_embedding/" + name,
             R"({"service":"custom","service_settings":{"url":"http://127.0.0.1:${port}/_inference/text_embedding/)" +
                 name + R"(","request":"{\"input\":${input},\"task_settings\":{\"parameters\":{\"port\":\")" + own +
                 R"(\"}}}","response":{"json_parser":{"text_embeddings":"$.data[*].embedding[*]"}},)"
                 R"("similarity":"cosine"},"task_settings":{"parameters":{"port":")" +
                 upstreams + R"("}}})");
    REQUIRE_MESSAGE(made.status == 200, made.body);
  }

  Pending begin(http::Method method, const std::string& target, std::string body = {}) {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(server->port()) + target;
    request.timeout = 20s;
    request.body = std::move(body);
    if (!request.body.empty()) request.headers.set("Content-Type", "application/json");
    auto promise = std::make_shared<std::promise<Result<http::Response>>>();
    client->send(std::move(request),
                 [promise](Result<http::Response> response) { promise->set_value(std::move(response)); });
    return promise->get_future();
  }
  http::Response call(http::Method method, const std::string& target, std::string body = {}) {
    auto response = begin(method, target, std::move(body)).get();
    REQUIRE_MESSAGE(response.ok(), (response.ok() ? "" : response.error().message));
    return std::move(*response);
  }
  Pending infer(const std::string& id, const std::string& query = "?timeout=1h") {
    return begin(http::Method::post, "/_inference/" + id + query, R"({"input":["a"]})");
  }

  TemporaryFolder folder;
  Upstream upstream;
  std::unique_ptr<http::Client> client;
  std::unique_ptr<ElasticServer> server;
};

}  // namespace

TEST_CASE("calls of a slow inference server hold no worker") {
  OccupiedBench bench;
  bench.upstream.hold();
  std::vector<Pending> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(bench.infer("clip"));
  REQUIRE(bench.upstream.wait_for_held(8));
  CHECK(bench.call(http::Method::put, "/pics", "{}").status == 200);
  CHECK(bench.call(http::Method::get, "/pics/_search").status == 200);
  CHECK(bench.call(http::Method::get, "/").status == 200);
  bench.upstream.release();
  for (auto& one : waiting) CHECK(one.get()->status == 200);
}

TEST_CASE("documents and queries that wait for a slow inference server hold no worker") {
  OccupiedBench bench;
  bench.call(
      http::Method::put, "/_ingest/pipeline/embed",
      R"({"processors":[{"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}}]})");
  bench.call(http::Method::put, "/pics",
             R"({"mappings":{"properties":{"v":{"type":"dense_vector","dims":3,"similarity":"cosine"}}}})");
  bench.upstream.hold();
  std::vector<Pending> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(bench.begin(http::Method::post, "/pics/_doc?pipeline=embed", R"({"t":"abc"})"));
    waiting.push_back(bench.begin(
        http::Method::post, "/pics/_search",
        R"({"knn":{"field":"v","k":1,"num_candidates":1,"query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":"b"}}}})"));
  }
  REQUIRE(bench.upstream.wait_for_held(8));
  CHECK(bench.call(http::Method::get, "/pics/_count").status == 200);
  bench.upstream.release();
  for (auto& one : waiting) CHECK(one.get()->status < 300);
}

TEST_CASE("the inference call of a client that disconnects is cancelled") {
  OccupiedBench bench;
  bench.upstream.hold();
  {
    http::RawClient client(bench.server->port());
    client.send(
        "POST /_inference/clip?timeout=1h HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Content-Length: 15\r\n\r\n{\"input\":[\"a\"]}");
    REQUIRE(bench.upstream.wait_for_held(1));
    CHECK(bench.upstream.held_clients() == 1);
  }
  CHECK(bench.upstream.wait_for_held_clients(0));
}

TEST_CASE("requests beyond those that may wait are refused at once, and one endpoint gets half of them") {
  Limits limits;
  limits.max_waiting_requests = 4;
  OccupiedBench bench(limits);
  bench.upstream.hold();
  std::vector<Pending> waiting;
  for (int i = 0; i < 2; ++i) waiting.push_back(bench.infer("clip"));
  REQUIRE(bench.upstream.wait_for_held(2));
  const auto refused = bench.infer("clip").get();
  CHECK(refused->status == 429);
  CHECK(reason(*refused).find("--elasticsearch-max-waiting-requests") != std::string::npos);
  for (int i = 0; i < 2; ++i) waiting.push_back(bench.infer("other"));
  REQUIRE(bench.upstream.wait_for_held(4));
  CHECK(bench.infer("other").get()->status == 429);
  CHECK(bench.call(http::Method::get, "/").status == 200);
  bench.upstream.release();
  for (auto& one : waiting) CHECK(one.get()->status == 200);
  CHECK(bench.infer("clip").get()->status == 200);
}

TEST_CASE("a time-out beyond the longest is cut to it, and the answer says so") {
  Limits limits;
  limits.max_inference_timeout = 2s;  // the call that measures an endpoint has to come within it
  OccupiedBench bench(limits);
  bench.upstream.hold();
  const auto late = bench.infer("clip").get();
  CHECK(late->status == 408);
  CHECK(reason(*late).find("--elasticsearch-max-inference-timeout") != std::string::npos);
  const auto warning = late->headers.get("Warning").value_or("");
  CHECK(warning.find("--elasticsearch-max-inference-timeout") != std::string_view::npos);
}

TEST_CASE("documents wait no longer for an inference server than the longest call") {
  Limits limits;
  limits.max_inference_timeout = 2s;  // the call that measures an endpoint has to come within it
  OccupiedBench bench(limits);
  bench.call(
      http::Method::put, "/_ingest/pipeline/embed",
      R"({"processors":[{"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}}]})");
  bench.upstream.hold();
  const auto late = bench.call(http::Method::post, "/pics/_doc?pipeline=embed", R"({"t":"abc"})");
  CHECK(late.status == 408);
  CHECK(reason(late).find("--elasticsearch-max-inference-timeout") != std::string::npos);
}

TEST_CASE("an endpoint that calls itself is refused after a few calls") {
  OccupiedBench bench;
  const auto before = bench.upstream.count();
  const auto response = bench.call(
      http::Method::post, "/_inference/clip",
      R"({"input":["a"],"task_settings":{"parameters":{"port":")" + std::to_string(bench.server->port()) + R"("}}})");
  CHECK(response.status == 400);
  CHECK(reason(response).find("as when an endpoint calls itself") != std::string::npos);
  CHECK(bench.upstream.count() == before);
}

TEST_CASE("stopping ends calls of a slow inference server at the deadline") {
  OccupiedBench bench;
  bench.upstream.hold();
  std::vector<Pending> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(bench.infer("clip"));
  REQUIRE(bench.upstream.wait_for_held(4));
  bench.server->stop(std::chrono::steady_clock::now() + 50ms);  // and not in an hour: none of them is released
  for (auto& one : waiting) {
    const auto response = one.get();
    REQUIRE(response.ok());
    CHECK(response->status == 503);
  }
}
