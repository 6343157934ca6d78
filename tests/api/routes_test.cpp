#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/sha256.h"
#include "tests/api/api_bench.h"

namespace sightline::api {
namespace {

TEST_CASE("the list of models has what a user needs for a mapping") {
  ApiBench bench;
  const auto body = parsed(bench.get("/v1/models"));
  CHECK(std::string(body["object"].GetString()) == "list");
  REQUIRE(body["data"].Size() == 1);
  const auto& model = body["data"][0];
  CHECK(std::string(model["id"].GetString()) == "hash");
  CHECK(std::string(model["object"].GetString()) == "model");
  CHECK(model["created"].GetUint64() > 1'600'000'000);
  CHECK(std::string(model["state"].GetString()) == "ready");
  CHECK(std::string(model["architecture"].GetString()) == "hash");
  CHECK(model["dims"].GetInt() == 8);
  CHECK(model["limits"]["tokens"].GetInt() == 16);
  CHECK(model["limits"]["inputs"].GetInt() == 256);
  CHECK(std::string(model["license"].GetString()) == "Apache-2.0");
  CHECK(model["modalities"].Size() == 2);
  CHECK(bench.get("/v1/models").body.find(bench.get("/v1/models/hash").body) != std::string::npos);
  const auto missing = bench.get("/v1/models/n%20o");
  CHECK(missing.status == 404);
  CHECK(message_of(missing).find("no model [n o]") == 0);
}

TEST_CASE("what keeps another part from its work turns readiness off") {
  std::string problem;
  Api::Options options;
  options.problem = [&] { return problem; };
  ApiBench bench(std::move(options));
  CHECK(bench.get("/health/ready").status == 200);
  problem = "store folder data: store.db is gone";
  const auto answer = bench.get("/health/ready");
  CHECK(answer.status == 503);
  CHECK(answer.body == R"({"status":"not ready","reasons":["store folder data: store.db is gone"]})");
  CHECK(bench.get("/health/live").status == 200);
}

TEST_CASE("live is the process, ready is the models") {
  ApiBench bench({}, {}, false);
  CHECK(bench.get("/health/live").status == 200);
  const auto loading = bench.get("/health/ready");
  CHECK(loading.status == 503);
  CHECK(loading.body == R"({"status":"not ready","reasons":["model [hash] is loading"]})");
  CHECK(bench.embeddings(R"({"model":"hash","input":"a"})").status == 429);
  REQUIRE(bench.service->load_models().ok());
  CHECK(bench.get("/health/ready").body == R"({"status":"ready"})");
  bench.api->begin_stop();
  CHECK(bench.get("/health/ready").status == 503);
  CHECK(bench.get("/health/live").status == 200);
  CHECK(bench.embeddings(R"({"model":"hash","input":"a"})").status == 200);
}

TEST_CASE("a model's name may have slashes, which a path has as they are or encoded") {
  serving::EmbeddingService::Options options;
  options.models = {{"google/siglip2", {}}};
  ApiBench bench({}, options);
  const auto own = bench.embeddings(R"({"model":"google/siglip2","input":"a"})");
  REQUIRE(own.status == 200);
  const auto vector = floats(parsed(own)["data"][0]["embedding"]);
  for (const std::string name : {"google/siglip2", "google%2Fsiglip2", "google%2fsiglip2", "google/siglip2/"}) {
    CAPTURE(name);
    CHECK(std::string(parsed(bench.get("/v1/models/" + name))["id"].GetString()) == "google/siglip2");
    CHECK(floats(parsed(bench.post("/hugging_face/" + name, R"({"inputs":"a"})"))[0]) == vector);
    const auto elastic = parsed(bench.post("/_inference/text_embedding/" + name, R"({"input":"a"})"));
    CHECK(floats(elastic["text_embedding"][0]["embedding"]) == vector);
    CHECK(bench.log.back().route == "/_inference/text_embedding/{model}");
    CHECK(bench.log.back().model == "google/siglip2");
  }
  CHECK(bench.get("/v1/models/google").status == 404);
  CHECK(bench.get("/metrics").body.find("model=\"google/siglip2\"") != std::string::npos);
}

TEST_CASE("texts that look like addresses of pictures are named in a warning, on every route") {
  ApiBench bench;
  const std::string list = R"(["a","https://x.org/house.jpg"])";
  const std::pair<const char*, std::string> requests[] = {
      {"/v1/embeddings", R"({"model":"hash","input":)" + list + "}"},
      {"/v1/embed", R"({"model":"hash","texts":)" + list + "}"},
      {"/hugging_face/hash", R"({"inputs":)" + list + "}"},
      {"/_inference/text_embedding/hash", R"({"input":)" + list + "}"},
      {"/_inference/rerank/hash", R"({"query":"b","input":)" + list + "}"},
      {"/v1/classify", R"({"model":"hash","labels":["c","d"],"input":)" + list + "}"},
  };
  for (const auto& [path, body] : requests) {
    CAPTURE(path);
    const auto response = bench.post(path, body);
    REQUIRE_MESSAGE(response.status == 200, response.body);
    const std::string warning(response.headers.get("Warning").value_or(""));
    CAPTURE(warning);
    CHECK(warning.starts_with("299 Sightline-"));
    CHECK(warning.find(" 1: embedded as text, but looks like a link to a picture") != std::string::npos);
    CHECK(warning.find(" 0: ") == std::string::npos);
  }
  CHECK_FALSE(bench.embeddings(R"({"model":"hash","input":"a house"})").headers.get("Warning"));
  CHECK_FALSE(bench.embeddings(R"({"model":"hash","input":"house.jpg","modality":"text"})").headers.get("Warning"));
}

TEST_CASE("unknown routes are 404, wrong methods 405 with Allow") {
  ApiBench bench;
  CHECK(bench.get("/v1/nothing").status == 404);
  CHECK(bench.get("/v1/models/a/b").status == 404);
  CHECK(message_of(bench.get("/v1/models/a/b")).find("no model [a/b]") == 0);
  const auto wrong = bench.get("/v1/embeddings");
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.get("Allow") == "POST");
  CHECK(std::string(parsed(wrong)["error"]["code"].GetString()) == "method_not_allowed");
  const auto posted = bench.post("/health/live", "");
  CHECK(posted.status == 405);
  CHECK(posted.headers.get("Allow") == "GET, HEAD");
  http::Request head;
  head.method = http::Method::head;
  head.path = "/health/ready";
  CHECK(bench.send(std::move(head)).get().status == 200);
}

TEST_CASE("the root names the routes") {
  ApiBench bench;
  const auto body = parsed(bench.get("/"));
  CHECK(std::string(body["name"].GetString()) == "sightline");
  CHECK(std::string(body["routes"][0].GetString()) == "POST /v1/embeddings");
}

TEST_CASE("a request id comes back, or is made") {
  ApiBench bench;
  http::Headers headers;
  headers.set("x-request-id", "es-node-1:42");
  CHECK(bench.get("/", headers).headers.get("X-Request-Id") == "es-node-1:42");
  headers.set("x-request-id", "evil\r\nSet-Cookie: a=b");
  const std::string made(bench.get("/", headers).headers.get("X-Request-Id").value_or(""));
  CHECK(made.size() == 16);
  CHECK(bench.get("/").headers.get("X-Request-Id") != made);
}

TEST_CASE("the access log has one line per request, without the request's content") {
  ApiBench bench;
  bench.embeddings(R"({"model":"hash","input":["a","b"]})");
  bench.get("/secret-path");
  REQUIRE(bench.log.size() == 2);
  CHECK(bench.log[0].method == "POST");
  CHECK(bench.log[0].route == "/v1/embeddings");
  CHECK(bench.log[0].model == "hash");
  CHECK(bench.log[0].status == 200);
  CHECK(bench.log[0].inputs == 2);
  CHECK(bench.log[0].bytes_in == 34);
  CHECK(bench.log[0].bytes_out > 100);
  CHECK(bench.log[0].request_id.size() == 16);
  CHECK(bench.log[1].route == "unknown");
  CHECK(bench.log[1].status == 404);
}

TEST_CASE("metrics count requests, inputs, batches and refusals") {
  ApiBench bench;
  bench.embeddings(R"({"model":"hash","input":["a","b"]})");
  bench.embeddings(R"({"model":"hash","input":"b"})");
  bench.embeddings(R"({"model":"hash"})");
  bench.embeddings(R"({"model":"made-up-by-the-client","input":"a"})");
  bench.get("/made/up/by/the/client");
  const auto response = bench.get("/metrics");
  CHECK(response.content_type.find("text/plain; version=0.0.4") == 0);
  const std::string& text = response.body;
  CAPTURE(text);
  for (const char* line : {
           "sightline_http_requests_total{method=\"POST\",route=\"/v1/embeddings\",status=\"200\"} 2",
           "sightline_http_requests_total{method=\"GET\",route=\"unknown\",status=\"404\"} 1",
           "sightline_http_request_seconds_count{route=\"/v1/embeddings\"} 4",
           "sightline_requests_refused_total{code=\"invalid_argument\"} 1",
           "sightline_requests_refused_total{code=\"not_found\"} 2",
           "sightline_inputs_total{modality=\"text\",model=\"hash\"} 3",
           "sightline_preparation_seconds_count{modality=\"text\",model=\"hash\"} 2",
           "sightline_queue_seconds_count{lane=\"document\",model=\"hash\"} 2",
           "sightline_batch_size_sum{modality=\"text\",model=\"hash\"} 2",
           "sightline_queue_items{model=\"hash\"} 0",
           "sightline_vector_cache_misses_total{modality=\"text\",model=\"hash\"} 2",
           "sightline_vector_cache_hits_total{modality=\"text\",model=\"hash\"} 1",
           "sightline_vector_cache_entries{modality=\"text\"} 2",
           "sightline_vector_cache_entries{modality=\"image\"} 0",
           "sightline_vector_cache_evictions_total{modality=\"text\"} 0",
           "sightline_ready 1",
           "sightline_build_info{version=\"",
           "process_resident_memory_bytes ",
           "process_cpu_seconds_total ",
       }) {
    CHECK_MESSAGE(text.find(line) != std::string::npos, line);
  }
  CHECK(text.find("made") == std::string::npos);
}

TEST_CASE("metrics count batches of queries that ran within batches of documents") {
  ApiBench bench;
  std::future<http::Response> query;
  bench.embedder->steps = 1'000'000;  // ends with the answer
  bench.embedder->on_step = [&](auto batch, std::size_t step) {
    if (batch.size() != 2) return;
    if (step == 0) query = bench.send_post("/v1/embeddings", R"({"model":"hash","input":"q","input_type":"query"})");
    if (query.wait_for(std::chrono::seconds(0)) == std::future_status::ready) bench.embedder->steps = 0;
    std::this_thread::yield();
  };
  CHECK(bench.embeddings(R"({"model":"hash","input":["a","b"]})").status == 200);
  CHECK(query.get().status == 200);
  const auto response = bench.get("/metrics");
  CHECK_MESSAGE(response.body.find("sightline_batches_interleaved_total{model=\"hash\"} 1") != std::string::npos,
                response.body);
}

TEST_CASE("with keys all routes but health want one") {
  const auto file = std::filesystem::temp_directory_path() / ("sightline_keys_" + std::to_string(getpid()));
  std::ofstream(file) << "# team a\nkey-of-team-a\n\n  key-of-team-b \r\n";
  auto keys = security::ApiKeys::read(file);
  std::filesystem::remove(file);
  REQUIRE(keys.ok());
  Api::Options options;
  options.keys = std::make_shared<security::KeyCheck>(*std::move(keys));
  ApiBench bench(std::move(options));
  const auto with = [](std::string value) {
    http::Headers headers;
    headers.set("authorization", std::move(value));
    return headers;
  };
  CHECK(bench.get("/health/live").status == 200);
  CHECK(bench.get("/health/ready").status == 200);
  const auto refused = bench.get("/v1/models");
  CHECK(refused.status == 401);
  CHECK(refused.headers.get("WWW-Authenticate") == "Bearer");
  CHECK(std::string(parsed(refused)["error"]["type"].GetString()) == "authentication_error");
  for (const char* wrong : {"Bearer", "Bearer ", "Bearer key-of-team-", "Bearer key-of-team-aa", "Basic key-of-team-a",
                            "key-of-team-a", "Bearer # team a", "Bearerkey-of-team-a"}) {
    CHECK(bench.get("/v1/models", with(wrong)).status == 401);
  }
  CHECK(bench.get("/nothing/here").status == 401);
  CHECK(bench.get("/metrics").status == 401);
  CHECK(bench.get("/v1/models", with("Bearer key-of-team-a")).status == 200);
  CHECK(bench.get("/v1/models", with("bearer key-of-team-b")).status == 200);
  CHECK(bench.get("/v1/models", with("ApiKey key-of-team-b")).status == 200);
}

TEST_CASE("a key is checked when only the headers have arrived; guessing becomes slow, valid keys do not") {
  const auto file = std::filesystem::temp_directory_path() / ("sightline_guess_" + std::to_string(getpid()));
  std::ofstream(file) << "key-of-team-a\n";
  auto keys = security::ApiKeys::read(file);
  std::filesystem::remove(file);
  REQUIRE(keys.ok());
  Api::Options options;
  options.keys = std::make_shared<security::KeyCheck>(*std::move(keys));
  ApiBench bench(std::move(options));
  const auto head = [](const std::string& path, const std::string& key, const std::string& peer = "10.0.0.7") {
    http::Request request;
    request.method = http::Method::post;
    request.path = path;
    request.peer = peer;
    if (!key.empty()) request.headers.set("Authorization", "Bearer " + key);
    return request;
  };
  CHECK_FALSE(bench.api->check_head(head("/health/live", "")));
  for (const auto& [field, value] : {std::pair("Content-Length", "1"), std::pair("Transfer-Encoding", "chunked")}) {
    auto with_body = head("/health/live", "");
    with_body.headers.set(field, value);
    CHECK(bench.api->check_head(with_body)->response.status == 401);  // it would take memory of those with keys
  }
  auto without_body = head("/health/live", "");
  without_body.headers.set("Content-Length", "0");
  CHECK_FALSE(bench.api->check_head(without_body));
  CHECK(bench.api->check_head(head("/v1/embeddings", ""))->response.status == 401);
  for (int i = 0; i < 10; ++i) {
    const auto refused = bench.api->check_head(head("/v1/embeddings", "guess-" + std::to_string(i)));
    CHECK(refused->response.status == 401);
    CHECK(refused->delay.count() == 0);
  }
  const auto slowed = bench.api->check_head(head("/v1/embeddings", "guess-11"));
  CHECK(slowed->response.status == 429);
  CHECK(slowed->delay == std::chrono::seconds(1));
  CHECK(slowed->close);
  CHECK_FALSE(bench.api->check_head(head("/v1/embeddings", "key-of-team-a")));   // from the same address
  CHECK(bench.api->check_head(head("/v1/embeddings", ""))->delay.count() == 0);  // no guess
  CHECK(bench.api->check_head(head("/v1/embeddings", "guess-12", "10.0.0.8"))->delay.count() == 0);
  // One client has all the addresses of an IPv6 network.
  for (int i = 0; i < 11; ++i) {
    const auto refused = bench.api->check_head(head("/v1/embeddings", "guess", "2001:db8::" + std::to_string(i)));
    CHECK((refused->delay.count() > 0) == (i == 10));
  }
}

TEST_CASE("a request beyond the rate of its key is 429 in its route's format, with the time to wait") {
  Api::Options options;
  options.keys = std::make_shared<security::KeyCheck>(
      *security::ApiKeys::parse("app sha256:" + sha256_hex("key-of-app") + " rate=0.2\n", "keys"), 0,
      Timer::TimePoint(std::chrono::hours(1)));
  ApiBench bench(std::move(options));
  http::Request request;
  request.headers.set("Authorization", "Bearer key-of-app");
  request.headers.set("Sightline-Key", "key-of-app");
  const auto answer = [&](const std::string& path) {
    request.path = path;
    const auto refused = bench.api->check_head(request);
    return refused ? refused->response : http::Response();
  };
  CHECK(answer("/v1/models").status == 200);
  const auto refused = answer("/v1/models");
  CHECK(refused.status == 429);
  CHECK(refused.headers.get("Retry-After") == "5");
  CHECK_FALSE(refused.headers.get("WWW-Authenticate"));
  CHECK(std::string(parsed(refused)["error"]["code"].GetString()) == "rate_limited");
  CHECK(std::string(parsed(refused)["error"]["type"].GetString()) == "rate_limit_error");
  CHECK(message_of(refused).find("the key [app] has sent more requests than its rate allows: retry after 5 s") == 0);
  CHECK(answer("/v2/embed").body.find("\"message\":\"the key [app]") != std::string::npos);
  for (const char* path : {"/_inference/text_embedding/hash", "/elasticsearch/_search"}) {
    CAPTURE(path);
    CHECK(answer(path).body.find("\"type\":\"es_rejected_execution_exception\"") != std::string::npos);
  }
  for (const char* open : {"/health/live", "/health/ready", "/openapi.json"}) CHECK(answer(open).status == 200);
  bench.timer.advance(std::chrono::seconds(5));
  CHECK(answer("/v1/models").status == 200);
  CHECK(answer("/v1/models").status == 429);
  bench.timer.advance(std::chrono::seconds(5));
  request.path = "/metrics";
  const auto metrics = bench.send(request).get();  // judged once: one token is enough
  CHECK_MESSAGE(metrics.body.find("sightline_requests_refused_total{code=\"rate_limited\"} 5") != std::string::npos,
                metrics.body);
}

TEST_CASE("a key opens only the routes of its scopes") {
  const auto file = std::filesystem::temp_directory_path() / ("sightline_scopes_" + std::to_string(getpid()));
  std::ofstream(file) << "queries sha256:" + sha256_hex("the-key-of-queries") + " scopes=infer,search\n" +
                             "watcher sha256:" + sha256_hex("the-key-of-watcher") + " scopes=metrics\n" +
                             "old sha256:" + sha256_hex("the-key-of-old") + " expires=2020-02-29\n";
  auto keys = security::ApiKeys::read(file);
  std::filesystem::remove(file);
  REQUIRE(keys.ok());
  std::vector<std::string> managed;
  Api::Options options;
  options.keys = std::make_shared<security::KeyCheck>(*std::move(keys));
  options.elasticsearch_scope = [](const http::Request& inner) {
    return inner.path == "/_search" ? security::Scope::search : security::Scope::manage;
  };
  options.managed = [&](const std::string& key, const http::Request& head) {
    managed.push_back(key + " " + head.path);
  };
  ApiBench bench(std::move(options));
  const auto status = [&](const char* path, const char* field, const std::string& value) {
    http::Request head;
    head.path = path;
    head.headers.set(field, value);
    const auto answer = bench.api->check_head(head);
    return answer ? answer->response.status : 200;
  };
  CHECK(status("/v1/models", "Authorization", "Bearer the-key-of-queries") == 200);
  CHECK(status("/metrics", "Authorization", "Bearer the-key-of-queries") == 403);
  CHECK(status("/metrics", "Authorization", "Bearer the-key-of-watcher") == 200);
  CHECK(status("/v1/models", "Authorization", "Bearer the-key-of-watcher") == 403);
  CHECK(status("/v1/page", "Authorization", "Bearer the-key-of-watcher") == 200);
  CHECK(status("/v1/models", "Authorization", "Bearer the-key-of-old") == 401);
  CHECK(status("/elasticsearch/_search", "Sightline-Key", "the-key-of-queries") == 200);
  CHECK(status("/elasticsearch/houses", "Sightline-Key", "the-key-of-queries") == 403);
  // A guess beside a valid key counts as a wrong key.
  http::Request guess;
  guess.path = "/v1/models";
  guess.headers.set("Sightline-Key", "a-guess");
  guess.headers.set("Authorization", "Bearer the-key-of-queries");
  REQUIRE(bench.api->check_head(guess));
  CHECK(bench.api->check_head(guess)->response.status == 401);
  CHECK(managed.empty());
  const auto refused = bench.get("/metrics", [] {
    http::Headers headers;
    headers.set("Authorization", "Bearer the-key-of-queries");
    return headers;
  }());
  CHECK(refused.status == 403);
  CHECK(message_of(refused) == "this key lacks the scope [metrics]: use one that has it");
}

TEST_CASE("a request that was answered is not refused, and a refused one counts once") {
  ApiBench bench;
  const AccessLog no_log;
  int answers = 0;
  Exchange exchange({}, Responder{[&](http::Response) { ++answers; }, {}}, bench.timer, bench.metrics, no_log);
  exchange.fail({ErrorCode::deadline_exceeded, "late"});
  exchange.fail({ErrorCode::cancelled, "too late"});
  exchange.fail(503, "stopping", "later still");
  CHECK(answers == 1);
  const auto metrics = bench.get("/metrics").body;
  CHECK(metrics.find("sightline_requests_refused_total{code=\"deadline_exceeded\"} 1") != std::string::npos);
  CHECK(metrics.find("code=\"cancelled\"") == std::string::npos);
  CHECK(metrics.find("code=\"stopping\"") == std::string::npos);
}

TEST_CASE("a refusal of the caller is a security exception in Elasticsearch's format") {
  for (const int status : {401, 403}) {
    const auto response = error_response(ErrorShape::elastic, status, "forbidden", "no");
    CHECK(std::string(parsed(response)["error"]["type"].GetString()) == "security_exception");
  }
}

}  // namespace
}  // namespace sightline::api
