#include "server/cohere/cohere_client.h"

#include <atomic>
#include <doctest/doctest.h>
#include <future>

#include "tests/base/manual_timer.h"
#include "tests/cohere/loopback_cohere.h"

namespace sightline::cohere {
namespace {

using namespace std::chrono_literals;
using Outcome = Result<std::string, serving::UpstreamFailure>;

const std::string k_query_body = R"({"model":"embed-english-v3.0","input_type":"search_query","texts":["q"]})";
const std::string k_body = R"({"model":"embed-english-v3.0","input_type":"search_query","texts":["a"]})";

http::Headers retry_after(const std::string& value) {
  http::Headers headers;
  headers.set("Retry-After", value);
  return headers;
}

struct Bench {
  explicit Bench(CohereClient::Options options = {}, StandIn::Options rules = {}) : cohere(std::move(rules)) {
    options.url = cohere.url();
    options.retry.random = [] { return 0.0; };
    options.events.answered = [this](const std::string& outcome) { outcomes += outcome + " "; };
    options.events.retried = [this] { ++retries; };
    client = std::move(*CohereClient::create(options, timer));
  }

  std::future<Outcome> send(serving::EmbedOptions options = {}, const std::string& body = k_body) {
    auto promise = std::make_shared<std::promise<Outcome>>();
    client->send({"secret-key", [body] { return body; }, std::move(options)},
                 [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
    return promise->get_future();
  }
  /// Moves on to the next task as soon as there is one, and tells how far that
  /// was.
  std::chrono::milliseconds next_step() {
    timer.wait_for_tasks(1);
    const auto step = timer.until_next();
    timer.advance(step);
    return step;
  }

  ManualTimer timer;
  LoopbackCohere cohere;
  std::string outcomes;  // written by one thread, read after the answers
  std::atomic<int> retries{0};
  std::unique_ptr<CohereClient> client;
};

serving::EmbedOptions query() {
  serving::EmbedOptions options;
  options.lane = serving::Lane::query;
  return options;
}

}  // namespace

TEST_CASE("a call goes to /v2/embed with its key, and its answer comes back") {
  Bench bench;
  const auto answer = bench.send().get();
  REQUIRE(answer);
  CHECK(answer->find("\"embeddings\":{\"float\":[[") != std::string::npos);
  const auto requests = bench.cohere.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].path == "/v2/embed");
  CHECK(requests[0].headers.get("Authorization") == "Bearer secret-key");
  CHECK(requests[0].headers.get("Content-Type") == "application/json");
  CHECK(requests[0].body == k_body);
}

TEST_CASE("a call that is refused with Retry-After goes out again after that time") {
  Bench bench;
  bench.cohere.put_first(answer_of(429, R"({"message":"slow down"})", retry_after("7")));
  auto answer = bench.send();
  CHECK(bench.next_step() == 7s);
  CHECK(answer.get().ok());
  CHECK(bench.outcomes == "429 200 ");
  CHECK(bench.retries == 1);
}

TEST_CASE(
    "a server that fails is tried again after waits that double, and in "
    "the end its failure is told") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.cohere.put_first(answer_of(503, R"({"message":"down for repairs"})"));
  auto answer = bench.send();
  for (const auto wait : {250ms, 500ms, 1000ms, 2000ms}) CHECK(bench.next_step() == wait);
  const auto failed = answer.get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 503);
  CHECK(failed.error().message == "Cohere answered 503: down for repairs");
  CHECK(bench.cohere.requests().size() == 5);
}

TEST_CASE(
    "what the client did wrong is told with Cohere's status and words, "
    "and not tried again") {
  for (const int status : {400, 401, 403, 404, 422}) {
    Bench bench;
    bench.cohere.put_first(answer_of(status, R"({"message":"no,\nnot so"})"));
    const auto failed = bench.send().get();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().status == status);
    CHECK(failed.error().message == "Cohere answered " + std::to_string(status) + ": no, not so");
    CHECK(bench.cohere.requests().size() == 1);
  }
}

TEST_CASE("statuses that a client could not read become 502") {
  for (const int status : {302, 501}) {
    Bench bench;
    bench.cohere.put_first(answer_of(status, ""));
    const auto failed = bench.send().get();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().status == 502);
    CHECK(bench.cohere.requests().size() == 1);
  }
}

TEST_CASE(
    "a key that Cohere repeats in its words is not told on, also where "
    "they are long or no JSON") {
  for (const std::string& body : {std::string(R"({"message":"bad token secret-key, secret-key!"})"),
                                  std::string("bad token secret-key"), std::string(498, 'x') + "secret-key"}) {
    Bench bench;
    bench.cohere.put_first(answer_of(401, body));
    const auto failed = bench.send().get();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("secret") == std::string::npos);
    CHECK(failed.error().message.size() < 540);
  }
}

TEST_CASE(
    "a wait that Cohere asks for and the deadline does not leave is told "
    "at once, with its length") {
  Bench bench;
  bench.cohere.put_first(answer_of(429, R"({"message":"slow down"})", retry_after("30")));
  serving::EmbedOptions options;
  options.deadline = bench.timer.now() + 20s;
  const auto failed = bench.send(options).get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 429);
  CHECK(failed.error().retry_after == 30s);
  CHECK(failed.error().message == "Cohere answered 429: slow down");
}

TEST_CASE("no more calls are out at once than allowed, and queries go first") {
  CohereClient::Options options;
  options.concurrency = 1;
  Bench bench(options);
  bench.cohere.hold();
  auto first = bench.send();
  bench.cohere.wait_for_held(1);
  auto document = bench.send();
  auto asked = bench.send(query(), k_query_body);
  CHECK(bench.cohere.requests().size() == 1);
  bench.cohere.release();
  CHECK(first.get().ok());
  CHECK(document.get().ok());
  CHECK(asked.get().ok());
  const auto requests = bench.cohere.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[1].body == k_query_body);
}

TEST_CASE("no more calls go out in a minute than the budget allows, tries counted") {
  CohereClient::Options options;
  options.calls_per_minute = 3;
  Bench bench(options);
  bench.cohere.put_first(answer_of(500, ""));
  auto first = bench.send();
  CHECK(bench.next_step() == 250ms);  // the second try
  CHECK(first.get().ok());
  CHECK(bench.send().get().ok());
  auto waiting = bench.send();
  CHECK(bench.cohere.requests().size() == 3);
  CHECK(bench.next_step() == 60s - 250ms);  // a minute after the first
  CHECK(waiting.get().ok());
  CHECK(bench.cohere.requests().size() == 4);
}

TEST_CASE(
    "a call that gets no turn before its deadline is refused as load, "
    "with the time to wait") {
  CohereClient::Options options;
  options.calls_per_minute = 1;
  Bench bench(options);
  CHECK(bench.send().get().ok());
  serving::EmbedOptions late;
  late.deadline = bench.timer.now() + 10s;
  auto waiting = bench.send(late);
  CHECK(bench.next_step() == 10s);
  const auto failed = waiting.get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 429);
  CHECK(failed.error().retry_after == 50s);
  CHECK(failed.error().message.find("--cohere-calls-per-minute") != std::string::npos);
  CHECK(bench.cohere.requests().size() == 1);
}

TEST_CASE("a call whose clients have disconnected is not made") {
  CohereClient::Options options;
  options.concurrency = 1;
  Bench bench(options);
  bench.cohere.hold();
  auto first = bench.send();
  bench.cohere.wait_for_held(1);
  serving::EmbedOptions leaving;
  leaving.cancellation = std::make_shared<Cancellation>();
  auto dropped = bench.send(leaving);
  leaving.cancellation->cancel(CancelReason::client_left);
  bench.cohere.release();
  CHECK(first.get().ok());
  const auto failed = dropped.get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 499);
  CHECK(bench.cohere.requests().size() == 1);
}

TEST_CASE("a server that never answers fails after the time limit of a call") {
  CohereClient::Options options;
  options.call_timeout = 50ms;
  StandIn::Options rules;
  rules.silent = 1;
  Bench bench(options, rules);
  const auto failed = bench.send().get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 504);
  CHECK(failed.error().message.find("50 ms") != std::string::npos);
  CHECK(bench.outcomes == "timeout ");
}

TEST_CASE("a server that cannot be reached is retried, then 502") {
  ManualTimer timer;
  std::string gone;
  { gone = LoopbackCohere().url(); }
  CohereClient::Options options;
  options.url = gone;
  options.retry.max_attempts = 2;
  options.retry.random = [] { return 0.0; };
  const auto client = std::move(*CohereClient::create(options, timer));
  std::promise<Outcome> promise;
  client->send({"secret-key", [] { return k_body; }, {}},
               [&promise](Outcome outcome) { promise.set_value(std::move(outcome)); });
  timer.wait_for_tasks(1);
  timer.advance(250ms);
  const auto failed = promise.get_future().get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().status == 502);
  CHECK(failed.error().message.find("not reached") != std::string::npos);
}

TEST_CASE("shutting down ends calls that are out, those in line and those to come") {
  CohereClient::Options options;
  options.concurrency = 1;
  Bench bench(options);
  bench.cohere.hold();
  auto out = bench.send();
  bench.cohere.wait_for_held(1);
  auto in_line = bench.send();
  bench.client->shut_down();
  auto late = bench.send();
  for (auto* answer : {&out, &in_line, &late}) {
    const auto failed = answer->get();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().status == 503);
  }
  bench.client.reset();  // while a call is still out
}

TEST_CASE("an address that is none, or would carry a secret, is refused") {
  ManualTimer timer;
  for (const char* url : {"", "api.cohere.com", "ftp://api.cohere.com", "https://", "https:///v2",
                          "https://me:word@host", "https://host?key=1", "https://host/#x", "https://ho st"}) {
    CohereClient::Options options;
    options.url = url;
    CHECK_FALSE(CohereClient::create(options, timer));
  }
}

}  // namespace sightline::cohere
