// Answers that go out piece by piece.
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <vector>

#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t k_piece = 64u << 10;

ResponseHead head_of(int status, std::optional<std::uint64_t> length = std::nullopt) {
  ResponseHead head;
  head.status = status;
  head.headers.add("Content-Type", "text/plain");
  head.content_length = length;
  return head;
}

/// Bytes that tell their own place.
std::string piece_at(std::size_t index) {
  std::string piece(k_piece, static_cast<char>('a' + index % 26));
  const std::string number = std::to_string(index);
  return piece.replace(0, number.size(), number);
}

std::string pieces(std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += piece_at(i);
  return all;
}

/// Writes pieces as fast as the client takes them, and never has more than `high` bytes and one piece
/// waiting.
class Producer : public std::enable_shared_from_this<Producer> {
 public:
  static constexpr std::size_t k_high = 4 * k_piece;

  Producer(ReplyStream answer, std::size_t count) : answer_(std::move(answer)), count_(count) {}
  void go_on() {
    while (next_ < count_) {
      if (!answer_.write(piece_at(next_))) {
        refused = true;
        answer_.finish();
        return;
      }
      ++next_;
      most_waiting = std::max(most_waiting.load(), answer_.waiting());
      if (answer_.waiting() > k_high) {
        ++pauses;
        answer_.when_drained(k_piece, [self = shared_from_this()] { self->go_on(); });
        return;
      }
    }
    answer_.finish();
  }

  std::atomic<std::size_t> most_waiting{0};
  std::atomic<int> pauses{0};
  std::atomic<bool> refused{false};

 private:
  ReplyStream answer_;
  const std::size_t count_;
  std::size_t next_ = 0;
};

}  // namespace

TEST_CASE("a streamed answer arrives whole, with a length, in chunks, and up to the end for HTTP/1.0") {
  const std::string all = pieces(100);
  const auto server = serve([&](Request&& request, Reply reply) {
    const bool sized = request.path == "/sized";
    auto answer = reply.stream(head_of(200, sized ? std::optional<std::uint64_t>(all.size()) : std::nullopt));
    for (std::size_t i = 0; i < 100; ++i) {
      CHECK(answer.write(""));  // ends no chunked body
      CHECK(answer.write(piece_at(i)));
    }
    answer.finish();
    CHECK_FALSE(answer.write("more"));
  });
  RawClient client(server->port());
  for (int i = 0; i < 2; ++i) {
    const auto sized = client.ask(get("/sized"));
    CHECK(sized.has("Content-Length: " + std::to_string(all.size()) + "\r\n"));
    CHECK_FALSE(sized.has("chunked"));
    CHECK((sized.status == 200 && sized.body == all));
    const auto chunked = client.ask(get("/chunked"));
    CHECK(chunked.has("Transfer-Encoding: chunked\r\n"));
    CHECK_FALSE(chunked.has("Content-Length"));
    CHECK_FALSE(chunked.has("Connection:"));
    CHECK((chunked.status == 200 && chunked.body == all));
  }
  RawClient old(server->port());
  CHECK(old.ask("GET /sized HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").body == all);
  old.send("GET /unsized HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  bool orderly = false;
  const auto rest = old.receive_rest(orderly);
  CHECK(orderly);
  CHECK(rest.find("Connection: close\r\n") != rest.npos);
  CHECK(rest.find("chunked") == rest.npos);
  CHECK((rest.size() > all.size() && rest.ends_with(all)));
}

TEST_CASE("HEAD, 204 and 304 have no body, and HEAD has the length that it was given") {
  const auto server = serve([](Request&& request, Reply reply) {
    const int status = request.path == "/204" ? 204 : request.path == "/304" ? 304 : 200;
    auto answer = reply.stream(head_of(status, 12345));
    answer.write("thrown away");
    CHECK(answer.waiting() < 1000);
    answer.finish();
  });
  RawClient client(server->port());
  for (int i = 0; i < 2; ++i) {
    const auto head = client.ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", true);
    CHECK(head.status == 200);
    CHECK(head.has("Content-Length: 12345\r\n"));
    for (const int status : {204, 304}) {
      const auto response = client.ask(get("/" + std::to_string(status)));
      CHECK(response.status == status);
      CHECK_FALSE(response.has("Content-Length"));
      CHECK_FALSE(response.has("chunked"));
    }
  }
}

TEST_CASE("a streamed head goes out as it is, in order, but for what frames the answer") {
  const auto server = serve([](Request&&, Reply reply) {
    ResponseHead head = head_of(418, 2);
    head.headers.add("Warning", "299 one");
    head.headers.add("X-Between", "");
    head.headers.add("warning", "299 two");
    head.headers.add("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    head.headers.add("Content-Length", "999");
    head.headers.add("Transfer-Encoding", "chunked");
    head.headers.add("Connection", "close");
    head.headers.add("Keep-Alive", "timeout=1");
    head.headers.add("X-Evil", "1\r\nX-Split: 1");
    auto answer = reply.stream(std::move(head));
    answer.write("ok");
    answer.finish();
  });
  RawClient client(server->port());
  for (int i = 0; i < 2; ++i) {
    const auto response = client.ask(get("/"));
    CHECK(response.body == "ok");
    CHECK(response.head.find("Content-Type: text/plain\r\nWarning: 299 one\r\nX-Between: \r\nwarning: 299 two\r\n"
                             "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n") != std::string::npos);
    for (const char* absent : {"999", "chunked", "Connection", "Keep-Alive", "\nX-Split"})
      CHECK_FALSE(response.has(absent));
  }
}

TEST_CASE("a streamed answer without Content-Type has none") {
  const auto server = serve([](Request&& request, Reply reply) {
    if (request.path == "/whole") return reply.send({200, {}, "", ""});
    ResponseHead head;
    head.content_length = 0;
    reply.stream(std::move(head)).finish();
  });
  RawClient client(server->port());
  CHECK_FALSE(client.ask(get("/")).has("Content-Type"));
  CHECK_FALSE(client.ask(get("/whole")).has("Content-Type"));
}

TEST_CASE("no more bytes go out than the length announces") {
  const auto server = serve([](Request&&, Reply reply) {
    auto answer = reply.stream(head_of(200, 5));
    CHECK(answer.write("123"));
    CHECK_FALSE(answer.write("45 and too much"));
    CHECK_FALSE(answer.write("more"));
    answer.finish();
  });
  RawClient client(server->port());
  for (int i = 0; i < 2; ++i) CHECK(client.ask(get("/")).body == "12345");
}

TEST_CASE("half an answer is seen as half: the connection is cut, however it is framed") {
  const auto server = serve([](Request&& request, Reply reply) {
    auto answer =
        reply.stream(head_of(200, request.path == "/chunked" ? std::nullopt : std::optional<std::uint64_t>(100)));
    answer.write("half");
    if (request.path == "/short") answer.finish();
  });
  for (const char* path : {"/chunked", "/sized", "/short"}) {
    RawClient client(server->port());
    CHECK(client.ask(get(path)).status == 0);
    CHECK(client.sees_end());
  }
  RawClient old(server->port());
  old.send("GET /chunked HTTP/1.0\r\n\r\n");
  bool orderly = true;
  old.receive_rest(orderly);
  CHECK_FALSE(orderly);
  CHECK(eventually([&] { return server->in_flight() == 0; }));
}

TEST_CASE("a client that does not read makes its producer pause, and gets all of it once it reads") {
  constexpr std::size_t k_count = 1000;  // 64 MB
  Parked parked;
  RawClient slow(parked.server->port(), 64 << 10);
  slow.send(get("/slow"));
  const auto producer = std::make_shared<Producer>(parked.next().second.stream(head_of(200)), k_count);
  producer->go_on();
  CHECK(eventually([&] { return producer->pauses > 0; }));
  RawClient quick(parked.server->port());
  for (int i = 0; i < 50; ++i) {
    quick.send(get("/quick"));
    parked.next().second.send(text("quick"));
    CHECK(quick.receive().body == "quick");
  }
  CHECK(parked.server->in_flight() == 1);
  CHECK(slow.receive().body == pieces(k_count));
  CHECK(producer->most_waiting <= Producer::k_high + k_piece + 1000);
  CHECK_FALSE(producer->refused);
  CHECK(eventually([&] { return parked.server->in_flight() == 0; }));
  slow.send(get("/after"));
  parked.next().second.send(text("after"));
  CHECK(slow.receive().body == "after");
}

TEST_CASE("a client that takes nothing of its stream is cut, and the producer hears of it") {
  Server::Options options;
  options.send_timeout = 100ms;
  Parked parked(options);
  RawClient client(parked.server->port(), 4096);
  client.send(get("/"));
  auto answer = parked.next().second.stream(head_of(200));
  std::promise<void> left;
  std::promise<void> drained;
  const auto heard = Cancellation::on_cancel(parked.work, [&] { left.set_value(); });
  REQUIRE(answer.write(pieces(500)));
  answer.when_drained(0, [&] { drained.set_value(); });
  CHECK(left.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(drained.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(answer.client_left());
  CHECK(answer.waiting() == 0);
  CHECK_FALSE(answer.write("more"));
  CHECK(client.receive().status == 0);
}

TEST_CASE("a stream on which nothing waits is not cut, however long its next piece takes") {
  Server::Options options;
  options.send_timeout = options.idle_timeout = 1s;
  Parked parked(options);
  RawClient client(parked.server->port());
  client.send(get("/"));
  auto answer = parked.next().second.stream(head_of(200));
  answer.write("one ");
  for (int i = 0; i < 2; ++i) {  // each is cut after idle_timeout, which is as long as send_timeout
    RawClient idle(parked.server->port());
    CHECK(idle.sees_end());
  }
  CHECK(answer.write("two"));
  answer.finish();
  CHECK(client.receive().body == "one two");
}

TEST_CASE("a client that leaves is told of, before the answer and in the middle of it") {
  Parked parked;
  RawClient early(parked.server->port());
  early.send(get("/"));
  auto reply = parked.next().second;
  std::promise<void> early_left;
  const auto early_heard = Cancellation::on_cancel(parked.work, [&] { early_left.set_value(); });
  early.reset();
  CHECK(early_left.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(reply.client_left());
  auto late_answer = reply.stream(head_of(200));
  CHECK(eventually([&] { return late_answer.client_left(); }));
  CHECK_FALSE(late_answer.write("to nobody"));

  RawClient middle(parked.server->port());
  middle.send(get("/"));
  auto second = parked.next().second;
  std::promise<void> middle_left;
  auto answer = second.stream(head_of(200));
  // Registered after the stream's own callback, and so called after it.
  const auto middle_heard = Cancellation::on_cancel(parked.work, [&] { middle_left.set_value(); });
  answer.write("one");
  middle.reset();
  CHECK(middle_left.get_future().wait_for(20s) == std::future_status::ready);
  CHECK_FALSE(answer.write("two"));
}

TEST_CASE("nobody is told that a client left after its answer was complete") {
  Parked parked;
  std::atomic<int> told{0};
  for (const bool streamed : {true, false}) {
    RawClient client(parked.server->port());
    client.send(get("/"));
    auto reply = parked.next().second;
    const auto heard = Cancellation::on_cancel(parked.work, [&] { ++told; });
    if (streamed) {
      auto answer = reply.stream(head_of(200, 2));
      answer.write("ok");
      answer.finish();
    } else {
      reply.send(text("ok"));
    }
    CHECK(client.receive().body == "ok");
    client.send(get("/"));
    auto next = parked.next().second;
    std::promise<void> left;
    const auto next_heard = Cancellation::on_cancel(parked.work, [&] { left.set_value(); });
    client.reset();
    CHECK(left.get_future().wait_for(20s) == std::future_status::ready);
  }
  CHECK(told == 0);
}

TEST_CASE("late pieces never reach the client that got the connection's descriptor next") {
  constexpr std::size_t k_clients = 16;
  Parked parked;
  for (int round = 0; round < 5; ++round) {
    std::vector<RawClient> first;
    std::vector<ReplyStream> begun;
    std::vector<Reply> not_begun;
    for (std::size_t i = 0; i < k_clients; ++i) {
      first.emplace_back(parked.server->port());
      first.back().send(get("/"));
      if (i % 2 == 0) {
        begun.push_back(parked.next().second.stream(head_of(200)));
        begun.back().write("late ");
      } else {
        not_begun.push_back(parked.next().second);
      }
    }
    for (auto& client : first) client.reset();
    for (auto& answer : begun) REQUIRE(eventually([&] { return answer.client_left(); }));
    for (auto& reply : not_begun) REQUIRE(eventually([&] { return reply.client_left(); }));

    // The descriptors of the first are free now, and the system gives out the lowest free numbers.
    std::vector<RawClient> second;
    std::vector<ReplyStream> own;
    for (std::size_t i = 0; i < k_clients; ++i) {
      second.emplace_back(parked.server->port());
      second.back().send(get("/"));
      own.push_back(parked.next().second.stream(head_of(200)));
      own.back().write("own ");
    }
    for (auto& reply : not_begun) begun.push_back(reply.stream(head_of(200)));
    for (std::size_t i = 0; i < begun.size(); ++i) {
      begun[i].write("late");
      if (i % 3 != 0) begun[i].finish();  // the others are dropped: that must cut nobody else
    }
    begun.clear();
    REQUIRE(eventually([&] { return parked.server->in_flight() == k_clients; }));
    for (std::size_t i = 0; i < k_clients; ++i) {
      own[i].write(std::to_string(i));
      own[i].finish();
      CHECK(second[i].receive().body == "own " + std::to_string(i));
    }
  }
}

TEST_CASE("stop waits for a stream to be finished, and cuts it when its time is up") {
  for (const bool in_time : {true, false}) {
    Server::Options options;
    options.drain_timeout = in_time ? 10'000ms : 50ms;
    Parked parked(options);
    RawClient client(parked.server->port());
    RawClient idle(parked.server->port());
    client.send(get("/"));
    auto answer = parked.next().second.stream(head_of(200));
    answer.write("one ");
    auto stopped = std::async(std::launch::async, [&] { parked.server->stop(); });
    CHECK(idle.sees_end());  // the drain has begun
    if (in_time) {
      CHECK(stopped.wait_for(0s) == std::future_status::timeout);
      CHECK(answer.write("two"));
      answer.finish();
      CHECK(client.receive().body == "one two");
    } else {
      stopped.get();
      CHECK(client.receive().status == 0);
      CHECK_FALSE(answer.write("two"));
      bool drained = false;
      answer.when_drained(0, [&] { drained = true; });
      CHECK(drained);
    }
    CHECK(client.sees_end());
  }
}

TEST_CASE("many streams at once, some of whose clients leave, mix up nothing") {
  Server::Options options;
  options.io_threads = 2;
  options.workers = 4;
  const auto server = serve(
      [](Request&& request, Reply reply) {
        auto answer = reply.stream(head_of(200));
        for (int i = 0; i < 20; ++i) {
          if (!answer.write(request.path + "\n")) return;
        }
        answer.finish();
      },
      options);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        RawClient client(server->port());
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        client.send(get(path));
        if (i % 3 == 0) {
          client.reset();
          continue;
        }
        std::string expected;
        for (int n = 0; n < 20; ++n) expected += path + "\n";
        if (client.receive().body != expected) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(eventually([&] { return server->in_flight() == 0; }));
}

TEST_CASE("a client that has the whole answer is served again before the sender says finish") {
  Parked parked;
  RawClient client(parked.server->port());
  const std::string large(1u << 20, 'x');  // more than is kept of requests sent ahead
  for (const bool of_head : {false, true}) {
    client.send(of_head ? "HEAD /one HTTP/1.1\r\nHost: h\r\n\r\n" : get("/one"));
    auto answer = parked.next().second.stream(head_of(200, of_head ? 1000 : 3));
    if (!of_head) answer.write("abc");
    CHECK(client.receive(of_head).status == 200);
    client.send(post(large));
    auto [path, reply] = parked.next();
    std::atomic<bool> left{false};
    const auto heard = Cancellation::on_cancel(parked.work, [&] { left = true; });
    answer.finish();
    CHECK(!left);
    reply.send(text("second"));
    CHECK(client.receive().body == "second");
  }
}
