// How single requests are followed: their ids, their stages, and the list of those that are open.
#include <doctest/doctest.h>
#include <fstream>
#include <numeric>

#include "api_bench.h"
#include "base/request_trace.h"
#include "base/sha256.h"
#include "server/own_urls.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::api;
using std::chrono::milliseconds;

namespace {

constexpr const char* k_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

double of(const RequestSummary& summary, Stage stage) {
  return summary.milliseconds[static_cast<std::size_t>(stage)];
}

http::Request embeddings_request(const std::string& input) {
  http::Request request;
  request.method = http::Method::post;
  request.path = "/v1/embeddings";
  request.body = R"({"model":"hash","input":[")" + input + R"("]})";
  return request;
}

std::shared_ptr<RequestTrace> traced(http::Request& request, ApiBench& bench) {
  request.trace =
      std::make_shared<RequestTrace>(RequestFacts{}, bench.timer.now(), [&bench] { return bench.timer.now(); });
  return request.trace;
}

http::Request list_request(std::string peer, http::Headers headers = {}) {
  http::Request request;
  request.path = "/debug/requests";
  request.peer = std::move(peer);
  request.headers = std::move(headers);
  return request;
}

http::Headers field(const char* name, const std::string& value) {
  http::Headers headers;
  headers.set(name, value);
  return headers;
}

}  // namespace

TEST_CASE("an opaque id and a valid traceparent come back and are in the log; others are ignored") {
  ApiBench bench;
  http::Headers headers = field("X-Opaque-Id", "task-7");
  headers.set("traceparent", k_parent);
  headers.set("tracestate", "vendor=1");
  const auto answer = bench.get("/v1/models", headers);
  CHECK(answer.headers.get("X-Opaque-Id") == "task-7");
  CHECK(answer.headers.get("traceparent") == k_parent);
  CHECK_FALSE(answer.headers.get("tracestate"));
  CHECK(answer.headers.get("X-Request-Id").value_or("").size() == 16);
  headers.set("X-Opaque-Id", "a b\" c");
  headers.set("traceparent", "00-zz");
  const auto refused = bench.get("/nothing", headers);
  CHECK_FALSE(refused.headers.get("X-Opaque-Id"));
  CHECK_FALSE(refused.headers.get("traceparent"));
  REQUIRE(bench.log.size() == 2);
  CHECK(bench.log[0].opaque_id == "task-7");
  CHECK(bench.log[0].trace_id == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(bench.log[1].opaque_id.empty());
  CHECK(bench.log[1].trace_id.empty());
}

TEST_CASE("a request has one id: in its answer, in the list of open ones and in the log") {
  ApiBench bench;
  http::Request request = embeddings_request("a house");
  RequestFacts facts;
  bench.api->describe(request, facts);
  CHECK(facts.port == "inference");
  CHECK(facts.route == "/v1/embeddings");
  CHECK(facts.group == "/v1/embeddings");
  CHECK(facts.id.size() == 16);
  request.trace = std::make_shared<RequestTrace>(facts, bench.timer.now());
  const auto answer = bench.send(std::move(request)).get();
  CHECK(answer.headers.get("X-Request-Id") == facts.id);
  CHECK(bench.log.at(0).request_id == facts.id);
  http::Request below;
  below.path = "/elasticsearch/pics/_search";
  RequestFacts of_below;
  of_below.id = "by-the-server";
  of_below.route = below.path;
  bench.api->describe(below, of_below);
  CHECK(of_below.id == "by-the-server");
  CHECK(of_below.route == "/elasticsearch/pics/_search");
  CHECK(of_below.group == "/elasticsearch");
  http::Request unknown;
  unknown.path = "/secret-path";
  bench.api->describe(unknown, facts);
  CHECK(facts.route == "unknown");
}

TEST_CASE("preparing, the queue and the forward pass have their times, which add up to the request's") {
  ApiBench bench;
  bench.embedder->on_prepare = [&](auto) { bench.timer.advance(milliseconds(20)); };
  bench.embedder->on_embed = [&](auto) { bench.timer.advance(milliseconds(200)); };
  http::Request request = embeddings_request(picture_uri("a"));
  const auto trace = traced(request, bench);
  REQUIRE(bench.send(std::move(request)).get().status == 200);
  const auto summary = trace->summary();
  CHECK(of(summary, Stage::prepare) == 20);
  CHECK(of(summary, Stage::forward) == 200);
  CHECK(of(summary, Stage::queue_wait) == 0);
  CHECK(summary.age_ms == 220);
  CHECK(std::accumulate(summary.milliseconds.begin(), summary.milliseconds.end(), 0.0) == summary.age_ms);
  CHECK(summary.facts.model == "hash");
  CHECK(summary.facts.inputs == 1);
  // A cached vector is neither prepared nor computed.
  http::Request again = embeddings_request(picture_uri("a"));
  const auto cached = traced(again, bench);
  REQUIRE(bench.send(std::move(again)).get().status == 200);
  CHECK(cached->summary().age_ms == 0);
}

TEST_CASE("an input that waits behind a batch is in the queue's stage; one that fails leaves its stage") {
  ApiBench bench;
  bench.hold_model();
  http::Request first = embeddings_request("first"), second = embeddings_request("second");
  const auto running = traced(first, bench), waiting = traced(second, bench);
  auto first_answer = bench.send(std::move(first));
  bench.gate.await_arrival();
  auto second_answer = bench.send(std::move(second));
  while (waiting->summary().stage != Stage::queue_wait) std::this_thread::yield();
  bench.timer.advance(milliseconds(70));
  CHECK(running->summary().stage == Stage::forward);
  bench.gate.open();
  CHECK(first_answer.get().status == 200);
  CHECK(second_answer.get().status == 200);
  CHECK(of(running->summary(), Stage::forward) == 70);
  CHECK(of(waiting->summary(), Stage::queue_wait) == 70);
  http::Request bad = embeddings_request("poison");
  const auto failed = traced(bad, bench);
  CHECK(bench.send(std::move(bad)).get().status == 400);
  CHECK(failed->summary().stage == Stage::handle);
}

TEST_CASE("without keys only programs on the server's machine see the open requests") {
  ApiBench bench;
  for (const char* peer : {"127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"}) {
    CAPTURE(peer);
    CHECK(bench.send(list_request(peer)).get().status == 200);
  }
  for (const char* peer : {"10.0.0.7", "fd00::1", "::ffff:10.0.0.7", "127.0.0.1.evil.example", ""}) {
    CAPTURE(peer);
    const auto refused = bench.send(list_request(peer)).get();
    CHECK(refused.status == 403);
    CHECK(message_of(refused).find("--api-key-file") != std::string::npos);
  }
  for (const char* name : {"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"}) {
    CAPTURE(name);
    CHECK(bench.send(list_request("127.0.0.1", field(name, "10.0.0.7"))).get().status == 403);
  }
}

TEST_CASE("with keys the open requests need the scope manage, from anywhere, and are no change of the set-up") {
  TemporaryFolder folder;
  const auto file = folder.path() / "keys";
  std::ofstream(file) << "queries sha256:" + sha256_hex("the-key-of-queries") + " scopes=infer,search,metrics\n" +
                             "operator sha256:" + sha256_hex("the-key-of-operator") + " scopes=manage\n";
  Api::Options options;
  options.keys = std::make_shared<security::KeyCheck>(*security::ApiKeys::read(file));
  int managed = 0;
  options.managed = [&](const std::string&, const http::Request&) { ++managed; };
  ApiBench bench(std::move(options));
  const auto with_key = [](const char* key) { return field("Authorization", std::string("Bearer ") + key); };
  const auto refusal = [&](const http::Request& request) {
    const auto answer = bench.api->check_head(request);
    return answer ? answer->response.status : 0;
  };
  CHECK(refusal(list_request("127.0.0.1")) == 401);
  CHECK(refusal(list_request("127.0.0.1", with_key("the-key-of-queries"))) == 403);
  const auto request = list_request("10.0.0.7", with_key("the-key-of-operator"));
  CHECK_FALSE(bench.api->check_head(request));
  CHECK(managed == 0);
  CHECK(bench.send(request).get().status == 200);
  RequestFacts facts;
  bench.api->describe(request, facts);
  CHECK(facts.key == "operator");
}

TEST_CASE("the list has what is known of each open request, and itself not") {
  const auto book = RequestBook::create({});
  Api::Options options;
  options.requests = book;
  ApiBench bench(std::move(options));
  RequestFacts facts;
  facts.port = "elasticsearch";
  facts.id = facts.opaque_id = "task-7";
  facts.peer = "10.0.0.7";
  facts.method = "POST";
  facts.route = "/pics/_search";
  const auto open = book->open(facts, RequestTrace::Clock::now() - milliseconds(40));
  open->trace()->describe("clip", 3);
  const StageSpan stage(open->trace(), Stage::endpoint);
  http::Request request = list_request("127.0.0.1");
  const auto own = book->open({}, RequestTrace::Clock::now());
  request.trace = own->trace();
  const auto body = parsed(bench.send(std::move(request)).get());
  CHECK(body["total"].GetInt() == 1);
  REQUIRE(body["requests"].Size() == 1);
  const auto& entry = body["requests"][0];
  CHECK(std::string(entry["port"].GetString()) == "elasticsearch");
  CHECK(std::string(entry["id"].GetString()) == "task-7");
  CHECK(std::string(entry["peer"].GetString()) == "10.0.0.7");
  CHECK(std::string(entry["method"].GetString()) == "POST");
  CHECK(std::string(entry["route"].GetString()) == "/pics/_search");
  CHECK(std::string(entry["model"].GetString()) == "clip");
  CHECK(entry["inputs"].GetInt() == 3);
  CHECK(entry["key"].IsNull());
  CHECK(entry["trace_id"].IsNull());
  CHECK(entry["age_ms"].GetDouble() >= 40);
  CHECK(std::string(entry["stage"].GetString()) == "endpoint");
  CHECK(entry["stages_ms"]["receive"].GetDouble() >= 40);
  std::vector<std::shared_ptr<RequestBook::Entry>> many;
  for (int i = 0; i < 300; ++i) many.push_back(book->open({}, RequestTrace::Clock::now()));
  const auto bounded = parsed(bench.send(list_request("::1")).get());
  CHECK(bounded["total"].GetInt() == 302);
  CHECK(bounded["requests"].Size() == 200);
}

TEST_CASE("slow requests are counted by port and route") {
  ApiBench bench;
  bench.metrics.request_was_slow("elasticsearch", "_search");
  bench.metrics.request_was_slow("elasticsearch", "_search");
  const std::string text = bench.metrics.text(*bench.service, true);
  CHECK(text.find(R"(sightline_slow_requests_total{port="elasticsearch",route="_search"} 2)") != std::string::npos);
}

TEST_CASE("URLs of this server are recognised by their scheme, host and port") {
  const OwnUrls own(false, "127.0.0.1", "machine", 8080);
  for (const char* url : {"http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/embeddings", "HTTP://LocalHost:8080/x",
                          "http://[::1]:8080/v1?a=b", "http://127.0.0.1:8080?x"}) {
    CAPTURE(url);
    CHECK(own.has(url));
  }
  for (const char* url :
       {"", "127.0.0.1:8080", "https://127.0.0.1:8080/", "http://127.0.0.1:80801/", "http://127.0.0.1/",
        "http://127.0.0.1:8081/", "http://user@127.0.0.1:8080/", "http://127.0.0.1:8080@evil.example/",
        "http://127.0.0.1.evil.example:8080/", "http://evil.example/http://127.0.0.1:8080/", "http://machine:8080/",
        "http://10.0.0.7:8080/"}) {
    CAPTURE(url);
    CHECK_FALSE(own.has(url));
  }
  const OwnUrls at_one(false, "10.0.0.7", "machine", 8080);
  CHECK(at_one.has("http://10.0.0.7:8080/v1/embeddings"));
  CHECK_FALSE(at_one.has("http://127.0.0.1:8080/v1/embeddings"));
  const OwnUrls everywhere(true, "0.0.0.0", "Machine", 443);
  CHECK(everywhere.has("https://machine/v1/embeddings"));
  CHECK(everywhere.has("https://localhost:443/v1/embeddings"));
  CHECK_FALSE(everywhere.has("https://0.0.0.0/"));
  CHECK(OwnUrls(false, "fd00::1", "", 8080).has("http://[fd00::1]:8080/"));
}
