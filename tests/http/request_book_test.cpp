// What the server notes of the requests that it handles.
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <mutex>
#include <numeric>
#include <optional>
#include <vector>

#include "base/request_trace.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;

namespace {

/// A server's book, and what it reports: every request.
struct Book {
  Book() {
    RequestBook::Options options;
    options.slow = std::chrono::milliseconds(1);
    options.now = [this] { return RequestTrace::Clock::now() + std::chrono::hours(ahead); };
    options.report_slow = [this](const RequestSummary& summary) {
      const std::lock_guard lock(mutex);
      reported.push_back(summary);
    };
    book = RequestBook::create(std::move(options));
  }
  Server::Options options() const {
    Server::Options server;
    server.requests = book;
    server.describe = [](const Request& request, RequestFacts& facts) {
      facts.port = "test";
      facts.group = request.path == "/p" ? "posts" : "others";
    };
    return server;
  }
  RequestSummary next() {
    REQUIRE(eventually([this] {
      const std::lock_guard lock(mutex);
      return !reported.empty();
    }));
    const std::lock_guard lock(mutex);
    const RequestSummary first = reported.front();
    reported.erase(reported.begin());
    return first;
  }

  std::atomic<int> ahead{0};  // by so many hours its clock is fast: more while a test holds something up
  std::mutex mutex;
  std::vector<RequestSummary> reported;
  std::shared_ptr<RequestBook> book;
};

double of(const RequestSummary& summary, Stage stage) {
  return summary.milliseconds[static_cast<std::size_t>(stage)];
}

void check_sum(const RequestSummary& summary) {
  CHECK(std::accumulate(summary.milliseconds.begin(), summary.milliseconds.end(), 0.0) ==
        doctest::Approx(summary.age_ms));
}

constexpr double k_hour = 3'600'000;

}  // namespace

TEST_CASE("a request is in the book from its last byte until its client has the answer") {
  Book book;
  Parked parked(book.options());
  RawClient client(parked.server->port());
  client.send(
      post("1234567", "X-Opaque-Id: mine\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"));
  auto [path, reply] = parked.next();
  REQUIRE(book.book->list(10).requests.size() == 1);
  const auto open = book.book->list(10).requests[0];
  CHECK(open.facts.port == "test");
  CHECK(open.facts.group == "posts");
  CHECK(open.facts.id == "mine");
  CHECK(open.facts.opaque_id == "mine");
  CHECK(open.facts.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(open.facts.peer == "127.0.0.1");
  CHECK(open.facts.method == "POST");
  CHECK(open.facts.route == "/p");
  CHECK(open.status == 0);
  CHECK(open.stage == Stage::handle);
  book.ahead = 1;
  reply.send(text("ok"));
  CHECK(client.receive().status == 200);
  const auto ended = book.next();
  CHECK(ended.status == 200);
  CHECK(ended.stage == Stage::write);
  CHECK(of(ended, Stage::handle) >= k_hour);
  CHECK(of(ended, Stage::write) < k_hour);
  check_sum(ended);
  CHECK(book.book->list(10).total == 0);
}

TEST_CASE("a handler finds the request that it works for, and a pool that is full shows as a wait") {
  Book book;
  auto options = book.options();
  options.workers = 1;
  std::promise<void> go;
  std::atomic<bool> held{false};
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        CHECK(current_trace() == request.trace);
        if (!held.exchange(true)) go.get_future().wait();
        reply.send(text("ok"));
      },
      options);
  RawClient first(server->port()), second(server->port());
  first.send(get("/first"));
  REQUIRE(eventually([&] { return held.load(); }));
  second.send(get("/second"));
  REQUIRE(eventually([&] { return book.book->list(10).total == 2; }));
  CHECK(book.book->list(10).requests[1].stage == Stage::worker_wait);
  book.ahead = 1;
  go.set_value();
  CHECK(first.receive().status == 200);
  CHECK(second.receive().status == 200);
  for (int i = 0; i < 2; ++i) {
    const auto ended = book.next();
    CAPTURE(ended.facts.route);
    CHECK(of(ended, ended.facts.route == "/first" ? Stage::handle : Stage::worker_wait) >= k_hour);
    check_sum(ended);
  }
}

TEST_CASE("an answer that its client does not read shows as writing, and ends with the client") {
  Book book;
  const auto server =
      serve([](Request&&, Reply reply) { reply.send(text(std::string(32u << 20, 'a'))); }, book.options());
  {
    RawClient client(server->port(), 4096);
    client.send(get("/large"));
    REQUIRE(eventually([&] {
      const auto listing = book.book->list(10);
      return listing.total == 1 && listing.requests[0].stage == Stage::write;
    }));
    book.ahead = 1;
  }
  const auto ended = book.next();
  CHECK(ended.status == 200);
  CHECK(of(ended, Stage::write) >= k_hour);
  check_sum(ended);
}

TEST_CASE("a request stays in the book while its handler works, also when the client has disconnected") {
  Book book;
  Parked parked(book.options());
  std::optional<Reply> reply;
  {
    RawClient client(parked.server->port());
    client.send(get("/left"));
    reply.emplace(parked.next().second);
  }
  REQUIRE(eventually([&] { return reply->client_left(); }));
  CHECK(book.book->list(10).total == 1);
  reply.reset();
  REQUIRE(eventually([&] { return book.book->list(10).total == 0; }));
}

TEST_CASE("a streamed answer is in the book until it is finished") {
  Book book;
  std::optional<ReplyStream> stream;
  std::mutex mutex;
  const auto server = serve(
      [&](Request&&, Reply reply) {
        const std::lock_guard lock(mutex);
        stream.emplace(reply.stream(ResponseHead{}));
        stream->write("12345");
      },
      book.options());
  RawClient client(server->port());
  client.send(get("/stream"));
  REQUIRE(eventually([&] {
    const std::lock_guard lock(mutex);
    return stream.has_value();
  }));
  CHECK(book.book->list(10).requests.at(0).stage == Stage::write);
  book.ahead = 1;  // all are slow from now on
  stream->finish();
  CHECK(client.receive().body == "12345");
  CHECK(book.next().status == 200);
  // The connection goes on, and its next request is another one.
  client.send(get("/stream"));
  REQUIRE(eventually([&] { return book.book->list(10).total == 1; }));
  REQUIRE(eventually([&] {
    const std::lock_guard lock(mutex);
    return stream->write("more");
  }));
  stream->finish();
  CHECK(client.receive().status == 200);
  check_sum(book.next());
}
