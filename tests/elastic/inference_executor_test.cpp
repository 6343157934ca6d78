#include "server/elastic/inference/inference_executor.h"

#include <atomic>
#include <deque>
#include <doctest/doctest.h>
#include <future>

#include "base/cancellation.h"
#include "server/http/client.h"
#include "tests/base/manual_timer.h"
#include "upstream.h"

using namespace sightline;
using namespace sightline::elastic;
using std::chrono::milliseconds;

namespace {

struct Bench {
  explicit Bench(InferenceExecutor::Options options = {}, http::Client::Options client_options = {})
      : client(std::move(*http::Client::create(client_options))), executor(*client, timer, std::move(options)) {}

  std::future<Answer<Embeddings>> call(const Endpoint& endpoint, std::vector<std::string_view> texts,
                                       milliseconds timeout = {}) {
    auto promise = std::make_shared<std::promise<Answer<Embeddings>>>();
    auto future = promise->get_future();
    executor.infer(std::make_shared<const Endpoint>(endpoint), {std::move(texts)}, timeout,
                   [promise](Answer<Embeddings> answer) { promise->set_value(std::move(answer)); });
    return future;
  }

  ManualTimer timer;
  std::unique_ptr<http::Client> client;
  InferenceExecutor executor;
};

Endpoint parsed_endpoint(const std::string& json) {
  rapidjson::Document body;
  body.Parse(json.data(), json.size());
  auto endpoint = parse_endpoint("clip", "text_embedding", body);
  REQUIRE(endpoint);
  return *endpoint;
}

/// No pace, but where a test sets one.
Endpoint endpoint_at(const std::string& url, const std::string& request = R"({\"input\":${input}})") {
  return parsed_endpoint(R"({"service":"custom","service_settings":{"url":")" + url + R"(","request":")" + request +
                         R"(","response":{"json_parser":{"text_embeddings":"$.data[*].embedding[*]"}},)"
                         R"("rate_limit":{"requests_per_minute":2000000000}}})");
}

Endpoint openai_at(const std::string& url) {
  return parsed_endpoint(R"({"service":"openai","service_settings":{"url":")" + url +
                         R"(","model_id":"m","api_key":"k","rate_limit":{"requests_per_minute":2000000000}}})");
}

http::Response with_status(int status, std::string body = "why") {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace

TEST_CASE("a call sends all its texts in one request and gets their vectors in order") {
  Upstream upstream;
  Bench bench;
  auto answer = bench.call(endpoint_at(upstream.url()), {"a", "abc", ""}).get();
  REQUIRE(answer);
  CHECK(*answer == Embeddings{{1, 1, 0.5F}, {3, 1, 0.5F}, {0, 1, 0.5F}});
  REQUIRE(upstream.count() == 1);
  CHECK(upstream.requests()[0].method == http::Method::post);
  CHECK(upstream.requests()[0].body == R"({"input":["a","abc",""]})");
}

TEST_CASE("every status becomes the error that Elasticsearch makes of it") {
  struct Row {
    int status, expected;
    const char* lead;
  };
  const auto endpoint = endpoint_at("http://127.0.0.1:1/");
  const auto read = [&](const http::Response& response) -> Refusal {
    const auto answer = endpoint.service->read(response, endpoint);
    if (const auto* failure = std::get_if<Failure>(&answer)) return failure->error;
    return {};
  };
  for (const Row row :
       {Row{300, 300, "Unhandled redirection"}, Row{399, 400, "Unhandled redirection"},
        Row{400, 400, "Received an unsuccessful status code"},
        Row{401, 401, "Received an authentication error status code"},
        Row{404, 404, "Received an unsuccessful status code"}, Row{413, 413, "Received an unsuccessful status code"},
        Row{422, 422, "Received an unsuccessful status code"}, Row{425, 400, "Received an unsuccessful status code"},
        Row{429, 429, "Received a rate limit status code"}, Row{500, 400, "Received a server error status code"},
        Row{503, 400, "Received a server error status code"}}) {
    const auto error = read(with_status(row.status, R"({"e":"x"})"));
    REQUIRE(error);
    CHECK(error->status == row.expected);
    CHECK(error->type == "status_exception");
    CHECK(error->reason == std::string(row.lead) + " for request from inference entity id [clip] status [" +
                               std::to_string(row.status) + "]. Error message: [{\"e\":\"x\"}]");
  }
  CHECK(read(with_status(400, ""))->reason.ends_with("status [400]"));
  const std::string vectors = R"({"data":[{"embedding":[1]}]})";
  CHECK(!read(with_status(200, vectors)));
  CHECK(!read(with_status(299, vectors)));
}

TEST_CASE("server errors and refusals are not sent again") {
  for (const int status : {400, 404, 500, 503}) {
    Upstream upstream([&](const http::Request&) { return with_status(status); });
    Bench bench;
    CHECK(!bench.call(endpoint_at(upstream.url()), {"x"}).get());
    CHECK(upstream.count() == 1);
    CHECK(bench.timer.waiting() == 0);
  }
}

TEST_CASE("429 is sent again, three times in all, after waits that double") {
  Upstream upstream([](const http::Request&) { return with_status(429); });
  InferenceExecutor::Options options;
  options.retry.random = [] { return 0.5; };
  Bench bench(options);
  auto answer = bench.call(endpoint_at(upstream.url()), {"x"});
  bench.timer.wait_for_tasks(1);
  CHECK(bench.timer.until_next() > milliseconds(500));
  CHECK(bench.timer.until_next() <= milliseconds(1000));
  bench.timer.advance(milliseconds(1000));
  bench.timer.wait_for_tasks(1);
  CHECK(bench.timer.until_next() > milliseconds(1000));
  CHECK(bench.timer.until_next() <= milliseconds(2000));
  bench.timer.advance(milliseconds(2000));
  auto outcome = answer.get();
  REQUIRE(!outcome);
  CHECK(outcome.error().status == 429);
  CHECK(outcome.error().reason.starts_with("Received a rate limit status code"));
  CHECK(upstream.count() == 3);
  CHECK(bench.timer.waiting() == 0);
}

TEST_CASE("of a long answer little is kept, and no secret, also where one begins another") {
  const std::string longer = "hush-hush-4711";
  for (const bool first : {false, true}) {
    Upstream upstream([&](const http::Request&) { return with_status(400, longer + std::string(30u << 20, 'x')); });
    Endpoint called = endpoint_at(upstream.url());
    called.secrets = {{"a", first ? longer : "hush"}, {"b", first ? "hush" : longer}};
    Bench bench;
    const auto outcome = bench.call(called, {"x"}).get();
    REQUIRE(!outcome);
    const std::string& reason = outcome.error().reason;
    CHECK(reason.size() < 8192);
    CHECK(reason.find("Error message: [[hidden]xxx") != std::string::npos);
    CHECK(reason.find("4711") == std::string::npos);
    CHECK(reason.ends_with(" bytes more)"));
    CHECK(std::stoul(reason.substr(reason.rfind('(') + 1)) > 31'400'000);
  }
}

TEST_CASE("a call that meets 429 once comes through") {
  std::atomic<int> calls = 0;
  Upstream upstream(
      [&](const http::Request& request) { return ++calls == 1 ? with_status(429) : Upstream::embed(request); });
  Bench bench;
  auto answer = bench.call(endpoint_at(upstream.url()), {"abc"});
  bench.timer.wait_for_tasks(1);
  bench.timer.advance(milliseconds(1000));
  CHECK(answer.get().value().front() == std::vector<float>{3, 1, 0.5F});
}

TEST_CASE("what another service calls retryable is sent again") {
  std::atomic<int> calls = 0;
  Upstream upstream([&](const http::Request& request) {
    return ++calls == 1 ? with_status(503) : calls == 2 ? with_status(200, "{}") : Upstream::embed(request);
  });
  Bench bench;
  auto answer = bench.call(openai_at(upstream.url()), {"abc"});
  for (const int wait : {1000, 2000}) {
    bench.timer.wait_for_tasks(1);
    bench.timer.advance(milliseconds(wait));
  }
  CHECK(answer.get().value().front() == std::vector<float>{3, 1, 0.5F});
  CHECK(calls == 3);
}

TEST_CASE("texts that a server finds too long are halved, and pictures never") {
  Upstream upstream([](const http::Request& request) {
    return request.body.size() > 40 ? with_status(413) : Upstream::embed(request);
  });
  Bench bench;
  auto answer = bench.call(openai_at(upstream.url()), {"0123456789", "abc\xF0\x9F\x8F\xA0\xC3\xA4"});
  bench.timer.wait_for_tasks(1);
  bench.timer.advance(milliseconds(1000));
  CHECK(answer.get());
  REQUIRE(upstream.count() == 2);
  CHECK(upstream.requests()[1].body == R"({"input":["01234","abc"],"model":"m"})");
  const std::string picture = "data:image/png;base64," + std::string(100, 'A');
  auto outcome = bench.call(openai_at(upstream.url()), {"0123456789", picture}).get();
  REQUIRE(!outcome);
  CHECK(outcome.error().status == 413);
  CHECK(upstream.count() == 3);
}

TEST_CASE("texts are cut to the tokens that an endpoint takes, by three characters each") {
  Upstream upstream;
  Bench bench;
  auto endpoint = openai_at(upstream.url());
  endpoint.max_input_tokens = 2;
  const std::string picture = "/9j/4AAQSkZJRgABAQAA";
  CHECK(
      bench.call(endpoint, {"0123456789", "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F", "01234\xF0\x9F\x8F\xA0", picture}).get());
  CHECK(upstream.requests()[0].body ==
        "{\"input\":[\"012345\",\"\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\",\"01234\",\"" + picture + "\"],\"model\":\"m\"}");
}

TEST_CASE("a server that cannot be reached is tried three times") {
  std::string url;
  {
    Upstream gone;
    url = gone.url();
  }
  Bench bench;
  auto answer = bench.call(endpoint_at(url), {"x"});
  bench.timer.wait_for_tasks(1);
  bench.timer.advance(milliseconds(1000));
  bench.timer.wait_for_tasks(1);
  bench.timer.advance(milliseconds(2000));
  auto outcome = answer.get();
  REQUIRE(!outcome);
  CHECK(outcome.error().status == 500);
  CHECK(outcome.error().type == "connect_exception");
}

TEST_CASE("a host that does not exist is not tried again") {
  Bench bench;
  auto outcome = bench.call(endpoint_at("http://no-such-host.invalid/v1"), {"x"}).get();
  REQUIRE(!outcome);
  CHECK(outcome.error().status == 400);
  CHECK(outcome.error().reason ==
        "Invalid host [http://no-such-host.invalid/v1], please check that the URL is correct.");
}

TEST_CASE("answers that do not fit are errors with Elasticsearch's texts") {
  std::string body;
  Upstream upstream([&](const http::Request&) { return with_status(200, body); });
  Bench bench;
  const auto endpoint = endpoint_at(upstream.url());
  auto outcome = bench.call(endpoint, {"x"}).get();
  CHECK(outcome.error().reason == "Response body was empty for request from inference entity id [clip]");
  body = R"({"vectors":[[1]]})";
  outcome = bench.call(endpoint, {"x"}).get();
  CHECK(outcome.error().status == 400);
  CHECK(outcome.error().reason ==
        "Failed to parse custom model response, please check that the response parser path matches the "
        "response format.");
  REQUIRE(outcome.error().causes.size() == 1);
  CHECK(outcome.error().causes[0].reason == "Unable to find field [data] in map");
  body = R"({"data":[{"embedding":[1]}]})";
  outcome = bench.call(endpoint, {"x", "y"}).get();
  CHECK(outcome.error().status == 500);
  CHECK(outcome.error().reason == "number of results [1] does not match the number of inputs [2]");
}

TEST_CASE("what templates add to all bodies in memory has a limit, and is given back") {
  Upstream upstream;
  InferenceExecutor::Options options;
  options.max_growth_bytes = 3u << 20;
  Bench bench(options);
  const std::string text(100'000, 'x');
  std::string list;
  for (int i = 0; i < 60; ++i) list += (i > 0 ? ",${input}" : "${input}");
  const auto refused =
      bench.call(endpoint_at(upstream.url(), R"({\"input\":${input},\"more\":[)" + list + "]}"), {text}).get();
  REQUIRE(!refused);
  CHECK(refused.error().status == 429);
  CHECK(refused.error().reason.find("inference id [clip]") != std::string::npos);
  CHECK(upstream.count() == 0);
  const auto fits =
      endpoint_at(upstream.url(), R"({\"input\":${input},\"more\":[)" + list.substr(0, 30 * 9 - 1) + "]}");
  for (int i = 0; i < 3; ++i) CHECK(bench.call(fits, {text}).get());
}

TEST_CASE("a template that cannot be filled fails before anything is sent") {
  Upstream upstream;
  Bench bench;
  auto outcome = bench.call(endpoint_at(upstream.url("/${nope}")), {"a"}).get();
  REQUIRE(!outcome);
  CHECK(outcome.error().status == 400);
  CHECK(outcome.error().reason == "Failed to construct the custom service request");
  CHECK(outcome.error().causes[0].reason.find("[${nope}] in field [") != std::string::npos);
  CHECK(bench.call(endpoint_at("^"), {"a"}).get().error().reason == "Failed to construct the custom service request");
  CHECK(upstream.count() == 0);
}

TEST_CASE("twenty connections a route, and the rest waits in line") {
  Upstream upstream;
  upstream.hold();
  Bench bench;
  std::vector<std::future<Answer<Embeddings>>> answers;
  for (int i = 0; i < 25; ++i) answers.push_back(bench.call(endpoint_at(upstream.url()), {"abc"}));
  CHECK(upstream.wait_for_held(20));
  CHECK(upstream.held() == 20);
  upstream.release();
  for (auto& answer : answers) CHECK(answer.get());
  CHECK(upstream.count() == 25);
}

TEST_CASE("endpoints take turns, so a query does not wait behind a whole bulk") {
  http::Client::Options client;
  client.max_connections_per_host = 1;
  Upstream upstream({}, 1);
  upstream.hold();
  Bench bench({}, client);
  const auto search = endpoint_at(upstream.url(), R"({\"role\":\"query\",\"input\":${input}})");
  std::vector<std::future<Answer<Embeddings>>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(bench.call(endpoint_at(upstream.url()), {"document"}));
  answers.push_back(bench.call(search, {"query"}));
  CHECK(upstream.wait_for_held(1));
  upstream.release();
  for (auto& answer : answers) CHECK(answer.get());
  CHECK(upstream.requests()[1].body.find("query") != std::string::npos);
}

TEST_CASE("a full line refuses with 429 and keeps what it has") {
  InferenceExecutor::Options options;
  options.queue_capacity = 2;
  http::Client::Options client;
  client.max_connections_per_host = 1;
  Upstream upstream;
  upstream.hold();
  Bench bench(options, client);
  std::vector<std::future<Answer<Embeddings>>> answers;
  for (int i = 0; i < 3; ++i) answers.push_back(bench.call(endpoint_at(upstream.url()), {"x"}));
  auto refused = bench.call(endpoint_at(upstream.url()), {"x"}).get();
  REQUIRE(!refused);
  CHECK(refused.error().status == 429);
  CHECK(refused.error().type == "es_rejected_execution_exception");
  upstream.release();
  for (auto& answer : answers) CHECK(answer.get());
}

TEST_CASE("a rate limit spaces the calls evenly") {
  Upstream upstream;
  Bench bench;
  auto endpoint = endpoint_at(upstream.url());
  endpoint.requests_per_minute = 60;
  auto first = bench.call(endpoint, {"x"}), second = bench.call(endpoint, {"x"}), third = bench.call(endpoint, {"x"});
  CHECK(first.get());
  CHECK(upstream.count() == 1);
  bench.timer.advance(milliseconds(999));
  CHECK(second.wait_for(milliseconds(0)) == std::future_status::timeout);
  bench.timer.advance(milliseconds(1));
  CHECK(second.get());
  CHECK(third.wait_for(milliseconds(0)) == std::future_status::timeout);
  bench.timer.advance(milliseconds(1000));
  CHECK(third.get());
}

TEST_CASE("a call that waits in line ends with the request that it is made for") {
  Upstream upstream;
  Bench bench;
  auto endpoint = endpoint_at(upstream.url());
  endpoint.requests_per_minute = 1;
  CHECK(bench.call(endpoint, {"x"}).get());
  const auto work = std::make_shared<Cancellation>();
  std::future<Answer<Embeddings>> waiting;
  {
    const CancellationScope scope(work);
    waiting = bench.call(endpoint, {"y"});
  }
  CHECK(waiting.wait_for(milliseconds(0)) == std::future_status::timeout);
  work->cancel(CancelReason::client_left);
  REQUIRE(waiting.wait_for(milliseconds(0)) == std::future_status::ready);
  CHECK(waiting.get().error().status == 503);
  bench.timer.advance(std::chrono::minutes(2));
  CHECK(upstream.count() == 1);
}

TEST_CASE("a call ends at its timeout, in line or on its way") {
  http::Client::Options client;
  client.max_connections_per_host = 1;
  Upstream upstream;
  upstream.hold();
  Bench bench({}, client);
  auto sent = bench.call(endpoint_at(upstream.url()), {"x"}, milliseconds(30'000));
  auto waiting = bench.call(endpoint_at(upstream.url()), {"x"}, milliseconds(10'000));
  CHECK(upstream.wait_for_held(1));
  bench.timer.advance(milliseconds(10'000));
  auto outcome = waiting.get();
  REQUIRE(!outcome);
  CHECK(outcome.error().status == 408);
  CHECK(outcome.error().reason == "Request timed out after [10s]");
  CHECK(sent.wait_for(milliseconds(0)) == std::future_status::timeout);
  bench.timer.advance(milliseconds(20'000));
  CHECK(sent.get().error().reason == "Request timed out after [30s]");
  upstream.release();
  CHECK(upstream.count() == 1);
}

TEST_CASE("shutting down ends every call, also those that wait to be sent again") {
  http::Client::Options client;
  client.max_connections_per_host = 1;
  Upstream upstream;
  upstream.hold();
  Bench bench({}, client);
  auto sent = bench.call(endpoint_at(upstream.url()), {"x"});
  auto waiting = bench.call(endpoint_at(upstream.url()), {"x"});
  CHECK(upstream.wait_for_held(1));
  bench.executor.shut_down();
  CHECK(sent.get().error().status == 503);
  CHECK(waiting.get().error().status == 503);
  CHECK(bench.call(endpoint_at(upstream.url()), {"x"}).get().error().status == 503);
}

TEST_CASE("a call that a fault interrupts ends with an error, and the next one runs") {
  std::atomic<bool> busy = true;
  Upstream upstream([&](const http::Request& request) { return busy ? with_status(429) : Upstream::embed(request); });
  InferenceExecutor::Options options;
  options.retry.random = []() -> double { throw std::bad_alloc(); };  // on the client's thread
  Bench bench(std::move(options));
  const auto answer = bench.call(endpoint_at(upstream.url()), {"a"}).get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().status == 500);
  CHECK(answer.error().reason ==
        "internal error of Sightline, such as a lack of memory, during the call of inference entity id [clip]; retry "
        "the request later");
  busy = false;
  CHECK(bench.call(endpoint_at(upstream.url()), {"a"}).get());
}

TEST_CASE("an answer over the limit is an error and is not retried") {
  Upstream upstream([](const http::Request&) { return with_status(200, std::string(5000, ' ')); });
  http::Client::Options client;
  client.max_response_bytes = 1000;
  Bench bench({}, client);
  auto outcome = bench.call(endpoint_at(upstream.url()), {"x"}).get();
  CHECK(outcome.error().status == 400);
  CHECK(upstream.count() == 1);
}

TEST_CASE("the real timer runs tasks in order of their time") {
  auto timer = start_timer();
  std::promise<void> done;
  std::vector<int> order;
  const auto now = timer->now();
  timer->run_at(now + milliseconds(2), [&] { order.push_back(2), done.set_value(); });
  timer->run_at(now + milliseconds(1), [&] { order.push_back(1); });
  timer->run_at(now + std::chrono::hours(1), [&] { order.push_back(3); });
  done.get_future().wait();
  CHECK(order == std::vector<int>{1, 2});
}
