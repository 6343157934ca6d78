// The memory of answers and of bodies that are unpacked.
#include "server/http/answer_budget.h"

#include <atomic>
#include <doctest/doctest.h>
#include <malloc.h>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancellation.h"
#include "server/http/buffer_budget.h"
#include "server/http/content_encoding.h"
#include "tests/http/gzipped.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

TEST_CASE("answers have a limit of each client and one of all, and one alone always has room") {
  const auto budget = std::make_shared<AnswerBudget>(10 << 20, 4 << 20);
  const auto share = [&](const char* client) { return AnswerShare(budget, client); };
  auto first = share("a");
  CHECK(first.grow_to(20 << 20));  // larger than any limit, but alone
  CHECK_FALSE(share("b").grow_to(1 << 20));
  CHECK(share("b").grow_to(1000));  // small ones are free
  first.clear();
  auto a = share("a"), b = share("b"), c = share("c");
  CHECK(a.grow_to(3 << 20));
  CHECK_FALSE(share("a").grow_to(2 << 20));
  CHECK(b.grow_to(4 << 20));
  CHECK_FALSE(budget->full("a"));
  CHECK(budget->full("b"));
  CHECK(c.grow_to(3 << 20));
  CHECK(budget->full("a"));
  CHECK_FALSE(c.grow_to(4 << 20));
  const auto moved = std::move(b);
  a = AnswerShare();  // gives back
  CHECK(c.grow_to(4 << 20));
}

TEST_CASE("an answer that is being built ends early where there is no room for it") {
  const auto budget = std::make_shared<AnswerBudget>(1 << 20, 1 << 20);
  AnswerShare held(budget, "other");
  REQUIRE(held.grow_to(1 << 19));
  reserve_answer(1 << 30);  // outside of a handler
  const AnswerScope scope{AnswerShare(budget, "client")};
  reserve_answer(1 << 18);
  CHECK_THROWS_AS(reserve_answer(1 << 20), AnswersFull);
  // What it had is free at once: answers that grow together do not all fail.
  AnswerShare other(budget, "other");
  CHECK(other.grow_to(1 << 19));
}

TEST_CASE("clients that do not read large answers get 429 past the limit, and others are served") {
  const std::string big(16u << 20, 'b');
  Server::Options options;
  options.max_answer_bytes = 24u << 20;
  options.max_answer_bytes_per_client = 24u << 20;
  std::atomic<int> answered = 0;
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        reply.send(text(request.path == "/big" ? big : "small"));
        ++answered;
      },
      options);
  // What waits to be read is 16 MB less the 4 MB that a socket takes at most: no room for as much again.
  std::optional<RawClient> slow(std::in_place, server->port(), 4096);
  slow->send(get("/big"));
  REQUIRE(eventually([&] { return answered == 1; }));
  RawClient other(server->port());
  const RawResponse refused = other.ask(get("/big"));
  CHECK(refused.status == 429);
  CHECK_MESSAGE(refused.body.find("--max-answer-buffer") != std::string::npos, refused.body.substr(0, 100));
  CHECK(other.ask(get("/small")).status == 200);
  CHECK(slow->receive().body.size() == big.size());
  CHECK(eventually([&] { return other.ask(get("/big")).status == 200; }));
  const int before = answered;
  slow.emplace(server->port(), 4096);
  slow->send(get("/big"));
  REQUIRE(eventually([&] { return answered == before + 1; }));
  CHECK(other.ask(get("/big")).status == 429);
  slow.reset();  // leaves: its share is given back, too
  CHECK(eventually([&] { return other.ask(get("/big")).status == 200; }));
}

TEST_CASE("what is said of an answer is what was sent, and its line in the access log is not written besides") {
  const std::string big(16u << 20, 'b');
  std::mutex mutex;
  std::vector<std::string> said;
  const auto say = [&](const std::string& what) {
    const std::lock_guard lock(mutex);
    said.push_back(what);
  };
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return said.size();
  };
  Server::Options options;
  options.max_answer_bytes = options.max_answer_bytes_per_client = 24u << 20;
  options.access_log = [&](const AccessRecord& record) { say("log " + std::to_string(record.status)); };
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        if (request.path == "/dropped") return;
        Response response = text(request.path == "/big" ? big : "small");
        response.sent = [&say](int status, std::size_t bytes) {
          say(std::to_string(status) + (bytes > 1000 ? " big" : " small"));
        };
        reply.send(std::move(response));
      },
      options);
  RawClient slow(server->port(), 4096);
  slow.send(get("/big"));
  REQUIRE(eventually([&] { return count() == 1; }));
  RawClient other(server->port());
  CHECK(other.ask(get("/big")).status == 429);
  CHECK(other.ask(get("/small")).status == 200);
  CHECK(other.ask(get("/dropped")).status == 500);
  CHECK(said == std::vector<std::string>{"200 big", "429 small", "200 small", "log 500"});
}

TEST_CASE("a connection that waits for its next request has no memory of the last answer") {
  const auto in_use = [] {  // of malloc, with large blocks, which it maps
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const auto server = serve([](Request&& request, Reply reply) {
    if (request.path == "/") return reply.send(text(std::string(64u << 20, 'b')));
    auto stream = reply.stream(ResponseHead{});
    stream.write(std::string(64u << 20, 'b'));
    stream.finish();
  });
  for (const char* path : {"/", "/stream"}) {
    RawClient client(server->port());
    std::vector<char> piece(64u << 10);
    const std::size_t before = in_use();
    client.send(get(path));
    for (std::size_t bytes = 0; bytes < (64u << 20);) {
      const auto count = ::recv(client.descriptor(), piece.data(), piece.size(), 0);
      REQUIRE(count > 0);
      bytes += static_cast<std::size_t>(count);
    }
    CHECK(eventually([&] { return in_use() < before + (32u << 20); }));
  }
}

TEST_CASE("an answer that became smaller than was reserved for it leaves the rest to others") {
  const std::string big(16u << 20, 'b');
  Server::Options options;
  options.max_answer_bytes = options.max_answer_bytes_per_client = 24u << 20;
  std::atomic<int> answered = 0;
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        if (request.path == "/filtered") reserve_answer(20u << 20);
        reply.send(text(request.path == "/filtered" ? big : big.substr(0, 7u << 20)));
        ++answered;
      },
      options);
  RawClient slow(server->port(), 4096);
  slow.send(get("/filtered"));
  REQUIRE(eventually([&] { return answered == 1; }));
  CHECK(RawClient(server->port()).ask(get("/seven")).status == 200);
}

TEST_CASE("the answer to a request that changed something goes out, whether there is room or not") {
  const std::string big(16u << 20, 'b');
  Server::Options options;
  options.max_answer_bytes = 24u << 20;
  options.only_reads = [](const Request& request) { return request.method == Method::get; };
  std::atomic<int> answered = 0;
  const auto server = serve(
      [&](Request&&, Reply reply) {
        reply.send(text(big));
        ++answered;
      },
      options);
  RawClient slow(server->port(), 4096);
  slow.send(get("/"));
  REQUIRE(eventually([&] { return answered == 1; }));
  RawClient client(server->port());
  CHECK(client.ask(get("/")).status == 429);
  CHECK(client.ask(post("write")).body == big);
}

TEST_CASE("a streamed answer pauses sooner while answers hold all they may") {
  Server::Options options;
  options.max_answer_bytes = 1u << 20;
  std::size_t written = 0;
  const auto server = serve(
      [&](Request&&, Reply reply) {
        auto stream = reply.stream(ResponseHead{});
        const std::string piece(32u << 10, 's');
        while (!stream.should_pause() && written < (16u << 20)) {
          stream.write(piece);
          written += piece.size();
        }
        stream.finish();
      },
      options);
  RawClient client(server->port());
  CHECK(client.ask(get("/")).status == 200);
  CHECK(written < (4u << 20));
}

TEST_CASE("what was streamed is given back when it is sent, and when its client leaves") {
  Server::Options options;
  options.max_answer_bytes = options.max_answer_bytes_per_client = 1u << 20;
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        if (request.path == "/plain") return reply.send(text(std::string(1u << 19, 'p')));
        auto stream = reply.stream(ResponseHead{});
        stream.write(std::string(request.path == "/stream" ? 2u << 20 : 32u << 20, 's'));
        stream.finish();
      },
      options);
  RawClient client(server->port());
  CHECK(client.ask(get("/stream")).body.size() == 2u << 20);
  CHECK(eventually([&] { return client.ask(get("/plain")).status == 200; }));
  RawClient leaving(server->port(), 4096);
  leaving.send(get("/much"));
  REQUIRE(eventually([&] { return client.ask(get("/plain")).status == 429; }));
  leaving.reset();
  CHECK(eventually([&] { return client.ask(get("/plain")).status == 200; }));
}

TEST_CASE("an answer that is being built counts for its client") {
  const std::string big(16u << 20, 'b');
  Server::Options options;
  options.max_answer_bytes = 100u << 20;
  options.max_answer_bytes_per_client = 24u << 20;
  std::atomic<int> answered = 0;
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        if (request.path == "/big") {
          reply.send(text(big));
          ++answered;
          return;
        }
        try {
          reserve_answer(16u << 20);
          reply.send(text("built"));
        } catch (const AnswersFull&) {
          reply.send(text("full"));
        }
      },
      options);
  RawClient slow(server->port(), 4096);
  slow.send(get("/big"));
  REQUIRE(eventually([&] { return answered == 1; }));
  CHECK(RawClient(server->port()).ask(get("/built")).body == "full");
  CHECK(RawClient(server->port(), 0, "127.0.0.2").ask(get("/built")).body == "built");
}

TEST_CASE("what a gzip body unpacks to counts as it grows, and is given up at the limit") {
  const std::string packed = gzipped(std::string(20u << 20, 'x'), Z_BEST_SPEED);
  Server::Options options;
  options.max_buffered_bytes = 8u << 20;
  const auto server = serve([](Request&&, Reply reply) { reply.send(text("ok")); }, options);
  RawClient client(server->port());
  const auto refused = client.ask(post(packed, "Content-Encoding: gzip\r\n"));
  CHECK(refused.status == 429);
  CHECK_MESSAGE(refused.body.find("--max-request-buffer") != std::string::npos, refused.body);
  CHECK(client.ask(post(gzipped(std::string(1u << 20, 'x'), Z_BEST_SPEED), "Content-Encoding: gzip\r\n")).status ==
        200);
  std::size_t asked = 0;
  const auto part = gzip_decode(packed, 64u << 20, [&](std::size_t bytes) { return (asked = bytes) < (4u << 20); });
  CHECK(part.error().code == ErrorCode::overloaded);
  CHECK(asked < (10u << 20));
}

TEST_CASE("what unpacking took beyond the body is free while the body is handled") {
  Server::Options options;
  options.max_buffered_bytes = 10u << 20;
  Parked parked(options);
  RawClient packed(parked.server->port());
  packed.send(post(gzipped(std::string(4'200'000, 'x'), Z_BEST_SPEED),
                   "Content-Encoding: gzip\r\n"));  // grew to 8 MB on its way
  auto [path, reply] = parked.next();
  RawClient plain(parked.server->port());
  plain.send(post(std::string(5u << 20, 'y')));
  parked.next().second.send(text("ok"));
  CHECK(plain.receive().status == 200);
  reply.send(text("ok"));
}

TEST_CASE("the bodies of one address have a limit of their own, and leave room to others") {
  Server::Options options;
  options.max_buffered_bytes = 10u << 20;
  options.max_buffered_bytes_per_client = 6u << 20;
  Parked parked(options);
  const std::string body = post(std::string(4u << 20, 'x'));
  RawClient first(parked.server->port());
  first.send(body);
  auto [path, reply] = parked.next();
  const auto refused = RawClient(parked.server->port()).ask(body);
  CHECK(refused.status == 429);
  CHECK_MESSAGE(refused.body.find("--max-request-buffer-per-address") != std::string::npos, refused.body);
  RawClient other(parked.server->port(), 0, "127.0.0.2");
  other.send(body);
  auto others = parked.next().second;
  CHECK(RawClient(parked.server->port(), 0, "127.0.0.3").ask(body).status == 429);  // the limit of all
  others.send(text("ok"));
  CHECK(other.receive().status == 200);
  reply.send(text("ok"));
  CHECK(first.receive().status == 200);
  first.send(body);
  parked.next().second.send(text("ok"));
  CHECK(first.receive().status == 200);
}

TEST_CASE("a body that was dropped is not counted while its request is handled") {
  Server::Options options;
  options.max_buffered_bytes = 6u << 20;
  Parked parked(options);
  const std::string body = post(std::string(4u << 20, 'x'));
  RawClient slow(parked.server->port());
  slow.send(body);
  auto [path, reply] = parked.next();
  CHECK(RawClient(parked.server->port()).ask(body).status == 429);
  reply.keep_of_body(3u << 20);
  CHECK(RawClient(parked.server->port()).ask(body).status == 429);
  reply.keep_of_body(1u << 20);
  RawClient next(parked.server->port());
  next.send(body);
  parked.next().second.send(text("ok"));
  CHECK(next.receive().status == 200);
  reply.send(text("ok"));
  CHECK(slow.receive().status == 200);
}

TEST_CASE("budgets of clients are forgotten with what they hold") {
  ClientBudgets budgets(100, 60);
  for (int i = 0; i < 1000; ++i) CHECK(BufferShare(budgets.of(std::to_string(i))).grow_to(50));
  BufferShare held(budgets.of("a"));
  CHECK(held.grow_to(50));
  CHECK_FALSE(BufferShare(budgets.of("a")).grow_to(20));
  CHECK_FALSE(BufferShare(budgets.of("b")).grow_to(60));
  CHECK(BufferShare(budgets.of("b")).grow_to(50));
}

TEST_CASE("unpacking ends when nobody waits for it any more") {
  const auto cancellation = std::make_shared<Cancellation>();
  const CancellationScope scope(cancellation);
  const std::string packed = gzipped(std::string(20u << 20, 'x'), Z_BEST_SPEED);
  const auto unpack = [&](std::size_t until) {
    return gzip_decode(packed, 64u << 20, [&](std::size_t bytes) {
      if (bytes > until) cancellation->cancel(CancelReason::client_left);
      return true;
    });
  };
  CHECK(unpack(1u << 30).ok());
  CHECK_THROWS_AS(static_cast<void>(unpack(4u << 20)), WorkCancelled);
}

TEST_CASE("small requests do not wait for large bodies to be unpacked") {
  const std::string packed = gzipped(std::string(40u << 20, 'x'), Z_BEST_SPEED);
  Server::Options options;
  options.workers = 1;
  options.max_buffered_bytes = 1u << 30;
  std::atomic<std::size_t> unpacked{0};
  std::atomic<std::size_t> unpacked_before_small{0};
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        if (request.body == "x") {
          unpacked_before_small = unpacked.load();
        } else {
          ++unpacked;
        }
        reply.send(text(std::to_string(request.body.size())));
      },
      options);
  std::vector<RawClient> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(post(packed, "Content-Encoding: gzip\r\n"));
  }
  REQUIRE(eventually([&] { return server->in_flight() + unpacked >= clients.size(); }));
  CHECK(RawClient(server->port()).ask(post("x")).status == 200);
  CHECK(unpacked_before_small < clients.size());
  for (auto& client : clients) CHECK(client.receive().body == std::to_string(40u << 20));
}
