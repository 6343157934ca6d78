#include "server/elastic/elastic_server.h"

#include <atomic>
#include <doctest/doctest.h>
#include <filesystem>
#include <future>
#include <mutex>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "server/http/client.h"
#include "tests/base/temporary_folder.h"
#include "tests/http/serving.h"
#include "upstream.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// The whole port, from HTTP to SQLite.
struct PortBench {
  explicit PortBench(ElasticServer::Options options_of = {})
      : options(std::move(options_of)), client(std::move(*http::Client::create({}))) {
    start();
  }

  void start() {
    options.port = 0;
    options.documents = ElasticServer::EmbeddedStore{folder.path()};
    auto started = ElasticServer::start(options);
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().message));
    server = std::move(*started);
  }

  http::Response call(http::Method method, const std::string& target, std::string body = {},
                      const char* type = "application/json") {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(server->port()) + target;
    request.body = std::move(body);
    if (!request.body.empty()) request.headers.set("Content-Type", type);
    auto response = client->send_and_wait(std::move(request));
    REQUIRE(response.ok());
    return std::move(*response);
  }

  rapidjson::Document json(http::Method method, const std::string& target, std::string body = {}) {
    const auto response = call(method, target, std::move(body));
    INFO(target << " " << response.body);
    CHECK(response.status < 300);
    rapidjson::Document document;
    document.Parse(response.body.data(), response.body.size());
    REQUIRE(!document.HasParseError());
    return document;
  }

  void set_up() {
    json(
        http::Method::put, "/_inference/text_embedding/clip",
        R"({"service":"custom","service_settings":{"similarity":"cosine","secret_parameters":{"key":"hush"},"url":")" +
            upstream.url() +
            R"(","request":"{\"input\":${input}}","response":{"json_parser":{"text_embeddings":"$.data[*].embedding"}}}})");
    json(http::Method::put, "/_ingest/pipeline/embed",
         R"({"processors":[{"remove":{"field":"v","ignore_missing":true}},
             {"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}}]})");
    json(http::Method::put, "/pics",
         R"({"settings":{"index":{"default_pipeline":"embed"}},"mappings":{"properties":{"t":{"type":"text"},
             "model_id":{"type":"keyword"},"v":{"type":"dense_vector","dims":3,"similarity":"cosine","index_options":{"type":"hnsw"}}}}})");
  }

  std::string best_for(const std::string& text) {
    const auto found = json(
        http::Method::post, "/pics/_search",
        R"({"knn":{"field":"v","k":1,"num_candidates":10,"query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":")" +
            text + R"("}}}})");
    return found["hits"]["hits"][0]["_id"].GetString();
  }

  ElasticServer::Options options;
  TemporaryFolder folder;
  Upstream upstream;
  std::unique_ptr<http::Client> client;
  std::unique_ptr<ElasticServer> server;
};

constexpr const char* k_bulk =
    "{\"index\":{\"_index\":\"pics\",\"_id\":\"1\"}}\n{\"t\":\"a\"}\n"
    "{\"index\":{\"_index\":\"pics\",\"_id\":\"2\"}}\n{\"t\":\"bad\"}\n"
    "{\"index\":{\"_index\":\"pics\",\"_id\":\"3\"}}\n{\"t\":\"abcdefgh\"}\n";

}  // namespace

TEST_CASE("from texts to hits through the whole port") {
  PortBench bench;
  bench.set_up();
  const auto bulk = bench.json(http::Method::post, "/_bulk?refresh=true", k_bulk);
  CHECK(bulk["errors"].IsTrue());
  CHECK(bulk["items"][0]["index"]["status"].GetInt() == 201);
  CHECK(bulk["items"][1]["index"]["status"].GetInt() == 400);
  CHECK(bulk["items"][2]["index"]["status"].GetInt() == 201);
  CHECK(bench.json(http::Method::get, "/pics/_count")["count"].GetInt() == 2);
  CHECK(bench.best_for("b") == "1");
  CHECK(bench.best_for("hgfedcba") == "3");
}

TEST_CASE("endpoints, pipelines and documents are there after a restart") {
  PortBench bench;
  bench.set_up();
  bench.json(http::Method::post, "/_bulk", k_bulk);
  bench.server->stop();
  bench.server.reset();
  bench.start();
  const auto endpoint = bench.json(http::Method::get, "/_inference/clip");
  CHECK(endpoint["endpoints"][0]["service_settings"]["dimensions"].GetInt() == 3);
  CHECK(bench.json(http::Method::get, "/_inference/_all")["endpoints"].Size() == 1);
  CHECK(bench.json(http::Method::get, "/_ingest/pipeline").HasMember("embed"));
  bench.json(http::Method::put, "/pics/_doc/4?refresh=true", R"({"t":"abcd"})");
  CHECK(bench.best_for("dcba") == "4");
  CHECK(bench.json(http::Method::get, "/pics/_count")["count"].GetInt() == 3);
}

TEST_CASE("endpoints and pipelines are replaced, listed and deleted in the real store") {
  PortBench bench;
  bench.set_up();
  CHECK(bench.call(http::Method::delete_, "/_inference/clip").status == 409);
  bench.json(http::Method::put, "/_ingest/pipeline/embed", R"({"processors":[]})");
  CHECK(bench.json(http::Method::get, "/_ingest/pipeline/embed")["embed"]["processors"].Empty());
  bench.json(http::Method::delete_, "/_inference/text_embedding/clip");
  CHECK(bench.call(http::Method::get, "/_inference/clip").status == 404);
  CHECK(bench.json(http::Method::get, "/_inference")["endpoints"].Empty());
  const auto refusal = [&](const std::string& names) {
    const auto response = bench.call(http::Method::delete_, "/_ingest/pipeline/" + names);
    rapidjson::Document body;
    body.Parse(response.body.data(), response.body.size());
    return response.status == 400 ? std::string(body["error"]["reason"].GetString()) : response.body;
  };
  const std::string of_pics =
      "pipeline [embed] cannot be deleted because it is the default pipeline for 1 index(es) "
      "including [pics]";
  CHECK(refusal("embed") == of_pics);
  bench.json(http::Method::put, "/_ingest/pipeline/other", R"({"processors":[]})");
  CHECK(refusal("*") == of_pics);
  CHECK(bench.call(http::Method::get, "/_ingest/pipeline/other").status == 200);
  for (const char* name : {"/h1", "/h2", "/h3", "/h4"}) {
    bench.json(http::Method::put, name,
               R"({"settings":{"hidden":true,"default_pipeline":"_none","final_pipeline":"embed"}})");
  }
  CHECK(refusal("e*") == of_pics + " and the final pipeline for 4 index(es) including [h1,h2,h3]");
  bench.json(http::Method::put, "/_all/_settings?expand_wildcards=all",
             R"({"default_pipeline":null,"final_pipeline":null})");
  bench.json(http::Method::delete_, "/_ingest/pipeline/em*");
  CHECK(bench.call(http::Method::get, "/_ingest/pipeline/embed").status == 404);
  CHECK(bench.call(http::Method::delete_, "/_ingest/pipeline/em*").status == 404);
  bench.json(http::Method::delete_, "/_ingest/pipeline/*");
  CHECK(bench.call(http::Method::get, "/_ingest/pipeline/other").status == 404);
  bench.json(http::Method::delete_, "/_ingest/pipeline/*");
}

TEST_CASE("every answer carries the product header, and the definitions stay hidden") {
  PortBench bench;
  bench.set_up();
  for (const char* target : {"/", "/_inference/nope", "/nope/_search", "/_nothing/at/all", "/.sightline/_search"}) {
    CHECK(bench.call(http::Method::get, target).headers.get("X-elastic-product") == "Elasticsearch");
  }
  CHECK(bench.call(http::Method::get, "/.sightline/_search").status == 403);
  CHECK(bench.call(http::Method::get, "/_search").body.find("hush") == std::string::npos);
  CHECK(bench.json(http::Method::get, "/*/_search?expand_wildcards=all")["hits"]["hits"].Empty());
  for (const char* target :
       {"/,/_search?expand_wildcards=all", "/%2C/_search?expand_wildcards=all", "//_search?expand_wildcards=all",
        "/_all/_search?expand_wildcards=all", "/_all::data/_search?expand_wildcards=all", "/.*/_search",
        "/*,-foo/_search?expand_wildcards=all", "/-x/_search?expand_wildcards=all", "/%3C.sightline%3E/_search",
        "/.SIGHTLINE/_search", "/,/_count?expand_wildcards=all", "/_search?index=&expand_wildcards=all"}) {
    const auto answer = bench.call(http::Method::get, target);
    CHECK_MESSAGE(answer.body.find("endpoint:clip") == std::string::npos, target);
    CHECK_MESSAGE(answer.body.find("hush") == std::string::npos, target);
  }
  CHECK(bench.call(http::Method::post, "/,/_pit?expand_wildcards=all&keep_alive=1m").status == 400);
  for (const char* header : {R"({"index":""})", R"({"index":[]})", R"({"index":","})"})
    CHECK(bench.call(http::Method::post, "/_msearch?expand_wildcards=all", std::string(header) + "\n{}\n").status ==
          403);
  CHECK(bench.call(http::Method::head, "/pics").status == 200);
  CHECK(bench.call(http::Method::get, "/_inference/clip?pretty").body.find("\n") != std::string::npos);
}

TEST_CASE("a body over the port's limit is refused") {
  ElasticServer::Options options;
  options.limits.max_body_bytes = 1000;
  PortBench bench(options);
  CHECK(bench.call(http::Method::put, "/i/_doc/1", R"({"a":")" + std::string(990, 'x') + "\"}").status == 201);
  CHECK(bench.call(http::Method::put, "/i/_doc/1", R"({"a":")" + std::string(1000, 'x') + "\"}").status == 413);
}

TEST_CASE("a client learns whether the server is there while all its workers are busy") {
  std::promise<void> arrived, end;
  ElasticServer::Options options;
  options.workers = 1;
  options.warn = [&, told = std::make_shared<std::atomic<bool>>(false)](const std::string& text) {
    if (text.find("store.db is gone") == std::string::npos || told->exchange(true)) return;
    arrived.set_value();
    end.get_future().wait();
  };
  PortBench bench(options);
  std::filesystem::rename(bench.folder.path() / "store.db", bench.folder.path() / "aside");
  auto busy = std::async(std::launch::async, [&] { return bench.call(http::Method::put, "/i", "{}").status; });
  arrived.get_future().wait();
  http::ClientRequest request;
  request.url = http::url(bench.server->port());
  request.timeout = std::chrono::seconds(5);
  const auto answer = bench.client->send_and_wait(std::move(request));
  end.set_value();
  REQUIRE(answer.ok());
  CHECK(answer->status == 200);
  CHECK(busy.get() == 503);
}

TEST_CASE("a write is answered where answers hold all they may, and what only reads gets 429") {
  ElasticServer::Options options;
  options.clients.max_answer_bytes = options.clients.max_answer_bytes_per_client = 1u << 20;
  std::atomic<int> read{0};
  options.access_log = [&](const http::AccessRecord& record) { read += record.method == http::Method::get; };
  PortBench bench(options);
  const std::string large = R"({"x":{"y":")" + std::string(12u << 20, 'x') + "\"}}";
  bench.json(http::Method::put, "/i", R"({"mappings":{"properties":{"x":{"type":"object","enabled":false}}}})");
  bench.json(http::Method::put, "/i/_doc/1", large);
  http::RawClient slow(bench.server->port(), 4096);
  slow.send(http::get("/i/_doc/1"));
  REQUIRE(http::eventually([&] { return read == 1; }));
  CHECK(bench.call(http::Method::get, "/i/_doc/1").status == 429);
  CHECK(bench.call(http::Method::post, "/i/_mget", R"({"ids":["1"]})").status == 429);
  std::string bulk;
  for (int i = 0; i < 10'000; ++i) bulk += "{\"delete\":{\"_index\":\"i\",\"_id\":\"x\"}}\n";
  const auto written = bench.call(http::Method::post, "/_bulk", bulk);
  CHECK(written.status == 200);
  CHECK(written.body.size() > 1u << 20);
}

TEST_CASE("calls of this server's own inference port carry the ids of their request, and calls of others none") {
  constexpr const char* k_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  std::atomic<bool> own{true};
  ElasticServer::Options options;
  options.is_own_url = [&](const std::string& url) { return own && url.ends_with("/v1/embeddings"); };
  PortBench bench(options);
  bench.set_up();
  const auto calls_of = [&](http::Method method, const std::string& target, std::string body,
                            const char* opaque_id = "task-7") {
    const auto before = bench.upstream.count();
    auto request = http::request_to(http::url(bench.server->port(), target), method);
    request.headers.set("Content-Type", "application/json");
    request.headers.set("X-Opaque-Id", opaque_id);
    request.headers.set("traceparent", k_parent);
    request.headers.set("tracestate", "vendor=1");
    request.headers.set("Authorization", "Basic aHVzaA==");
    request.body = std::move(body);
    const auto answer = bench.client->send_and_wait(std::move(request));
    REQUIRE(answer.ok());
    CHECK(answer->status < 300);
    const auto requests = bench.upstream.requests();
    REQUIRE(requests.size() == before + 1);
    return requests.back().headers;
  };
  const std::string search =
      R"({"knn":{"field":"v","k":1,"num_candidates":10,"query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":"b"}}}})";
  for (const bool is_own : {true, false}) {
    own = is_own;
    CAPTURE(is_own);
    for (const auto& headers :
         {calls_of(http::Method::post, "/_inference/clip", R"({"input":"a"})"),
          calls_of(http::Method::put, "/pics/_doc/1", R"({"t":"a"})"),
          calls_of(http::Method::post, "/_bulk", "{\"index\":{\"_index\":\"pics\"}}\n{\"t\":\"a\"}\n"),
          calls_of(http::Method::post, "/pics/_search", search),
          calls_of(http::Method::post, "/pics/_msearch", "{}\n" + search + "\n")}) {
      CHECK(headers.get("X-Opaque-Id").has_value() == is_own);
      CHECK(headers.get("traceparent").has_value() == is_own);
      CHECK(headers.get("tracestate").has_value() == is_own);
      CHECK(headers.get("X-Opaque-Id").value_or("task-7") == "task-7");
      CHECK(headers.get("traceparent").value_or(k_parent) == k_parent);
      CHECK_FALSE(headers.get("Authorization"));
    }
  }
  own = true;
  CHECK_FALSE(calls_of(http::Method::post, "/_inference/clip", R"({"input":"a"})", "not plain").get("X-Opaque-Id"));
}

TEST_CASE("a request shows that it waits for an endpoint, and its stages add up") {
  std::atomic<int> hours{0};
  std::mutex mutex;
  std::vector<RequestSummary> reported;
  RequestBook::Options of_book;
  of_book.slow = std::chrono::hours(1);
  of_book.now = [&] { return RequestTrace::Clock::now() + std::chrono::hours(hours); };
  of_book.report_slow = [&](const RequestSummary& summary) {
    const std::lock_guard lock(mutex);
    reported.push_back(summary);
  };
  ElasticServer::Options options;
  const auto book = options.requests = RequestBook::create(std::move(of_book));
  PortBench bench(options);
  bench.set_up();
  REQUIRE(http::eventually([&] { return book->list(10).total == 0; }));
  const auto held = [&](const std::string& target, const std::string& body) {
    bench.upstream.hold();
    auto answer = std::async(std::launch::async, [&] { return bench.call(http::Method::post, target, body).status; });
    REQUIRE(bench.upstream.wait_for_held(1));
    REQUIRE(http::eventually([&] {
      const auto open = book->list(10).requests;
      return open.size() == 1 && open[0].stage == Stage::endpoint;
    }));
    CHECK(book->list(10).requests[0].facts.route == target);
    ++hours;
    bench.upstream.release();
    CHECK(answer.get() < 300);
    REQUIRE(http::eventually([&] {
      const std::lock_guard lock(mutex);
      return !reported.empty();
    }));
    const std::lock_guard lock(mutex);
    const auto summary = reported.front();
    reported.clear();
    CHECK(summary.milliseconds[static_cast<std::size_t>(Stage::endpoint)] >= 3'600'000);
    CHECK(summary.milliseconds[static_cast<std::size_t>(Stage::store)] > 0);
    double sum = 0;
    for (const double each : summary.milliseconds) sum += each;
    CHECK(sum == doctest::Approx(summary.age_ms));
  };
  held("/pics/_doc", R"({"t":"a"})");
  held("/_bulk",
       "{\"index\":{\"_index\":\"pics\"}}\n{\"t\":\"a\"}\n{\"index\":{\"_index\":\"pics\"}}\n{\"t\":\"b\"}\n");
  held(
      "/pics/_search",
      R"({"knn":{"field":"v","k":1,"num_candidates":10,"query_vector_builder":{"text_embedding":{"model_id":"clip","model_text":"b"}}}})");
}

TEST_CASE("metrics name what a request does by one of a few words") {
  const auto command = [](const char* path) {
    http::Request request;
    request.path = path;
    return ElasticServer::command_of(request);
  };
  CHECK(command("/pics/_search") == "_search");
  CHECK(command("/_bulk") == "_bulk");
  CHECK(command("/pics/_doc/_search") == "_doc");
  CHECK(command("/pics") == "other");
  CHECK(command("/") == "other");
  CHECK(command("") == "other");
  CHECK(command("/_search_of_mine/_cat") == "other");
}

TEST_CASE("a port in use and an unusable folder are errors") {
  PortBench bench;
  ElasticServer::Options options;
  options.port = bench.server->port();
  TemporaryFolder other;
  options.documents = ElasticServer::EmbeddedStore{other.path()};
  CHECK(!ElasticServer::start(options).ok());
  options.port = 0;
  options.documents = ElasticServer::EmbeddedStore{"/proc/nowhere"};
  CHECK(!ElasticServer::start(options).ok());
}
