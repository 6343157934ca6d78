// What Pistache 0.0.5 is known to get wrong, and what hostile or unlucky clients do to a server.
#include <arpa/inet.h>
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <mutex>
#include <random>
#include <set>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

/// Replies that are kept until the test sends them.
struct Kept {
  void add(std::string path, Reply reply) {
    const std::lock_guard lock(mutex);
    replies.emplace_back(std::move(path), std::move(reply));
  }
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return replies.size();
  }
  std::mutex mutex;
  std::vector<std::pair<std::string, Reply>> replies;
};

/// The descriptors of this process that are a server's ends of connections.
std::set<int> connections_of(const Server& server) {
  std::set<int> found;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    int listening = 0;
    socklen_t listening_size = sizeof(listening);
    if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
        ntohs(address.sin_port) == server.port() &&
        getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_size) == 0 && !listening)
      found.insert(descriptor);
  }
  return found;
}

}  // namespace

TEST_CASE("a late reply never reaches the client that got the connection's descriptor next") {
  constexpr int k_clients = 16;
  Kept kept;
  const auto server = serve([&](Request&& request, Reply reply) {
    if (request.path.starts_with("/late")) {
      kept.add(request.path, std::move(reply));
    } else {
      reply.send(text(request.path));
    }
  });
  std::size_t reused = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<RawClient> first;
    for (int i = 0; i < k_clients; ++i) {
      first.emplace_back(server->port());
      first.back().send(get("/late/" + std::to_string(i)));
    }
    REQUIRE(eventually([&] { return kept.size() == k_clients; }));
    const std::set<int> before = connections_of(*server);
    CHECK(before.size() == k_clients);
    for (auto& client : first) client.reset();
    for (auto& [path, reply] : kept.replies)
      REQUIRE(eventually([&, &waiting = reply] { return waiting.client_left(); }));

    // The descriptors of the first are free now, and the system gives out the lowest free numbers.
    std::vector<RawClient> second;
    for (int i = 0; i < k_clients; ++i) {
      second.emplace_back(server->port());
      REQUIRE(second.back().ask(get("/hello")).body == "/hello");
    }
    for (const int descriptor : connections_of(*server)) reused += before.contains(descriptor);
    for (auto& [path, reply] : kept.replies) reply.send(text(path));
    kept.replies.clear();
    REQUIRE(eventually([&] { return server->in_flight() == 0; }));
    for (int i = 0; i < k_clients; ++i) {
      const std::string own = "/own/" + std::to_string(i);
      CHECK(second[static_cast<std::size_t>(i)].ask(get(own)).body == own);
    }
  }
  CHECK(reused > 0);
}

TEST_CASE("under a storm of clients that give up, every answer is the client's own") {
  constexpr int k_threads = 4;
  constexpr int k_requests = 400;
  Server::Options options;
  options.io_threads = 2;
  options.workers = 4;
  const auto server = serve(
      [](Request&& request, Reply reply) {
        for (int i = static_cast<int>(request.body.size()); i > 0; --i) std::this_thread::yield();
        reply.send(text(request.path));
      },
      options);
  std::atomic<int> answered{0};
  std::atomic<int> wrong{0};
  std::atomic<int> unanswered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < k_threads; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(static_cast<unsigned>(t + 1));
      for (int i = 0; i < k_requests; ++i) {
        RawClient client(server->port());
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        const std::string body(random() % 20, 'x');  // how long the handler takes
        client.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
        if (random() % 2 == 0) {
          const auto response = client.receive();
          ++(response.status == 0 ? unanswered : response.body == path ? answered : wrong);
        } else {
          for (auto n = random() % 20; n > 0; --n) std::this_thread::yield();
        }
        client.reset();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong.load() == 0);
  CHECK(unanswered.load() == 0);
  CHECK(answered.load() > k_threads * k_requests / 3);
  CHECK(eventually([&] { return server->in_flight() == 0; }));
}

TEST_CASE("a client that does not read its reply holds up nobody, and gets all of it once it reads") {
  const std::string big(32u << 20, 'b');
  Server::Options options;
  options.io_threads = 1;
  const auto server = serve(
      [&](Request&& request, Reply reply) { reply.send(text(request.path == "/big" ? big : request.path)); }, options);
  RawClient slow(server->port(), 4096);
  slow.send(get("/big"));
  RawClient quick(server->port());
  REQUIRE(
      eventually([&] { return server->in_flight() == 0; }));  // the reply is with the loop, the client reads nothing
  for (int i = 0; i < 200; ++i) REQUIRE(quick.ask(get("/quick")).body == "/quick");
  CHECK(slow.receive().body == big);
  CHECK(slow.ask(get("/after")).body == "/after");
}

TEST_CASE("a client that never reads its reply is cut, and its place is free again") {
  const std::string big(32u << 20, 'b');
  Server::Options options;
  options.max_connections = 1;
  options.send_timeout = 100ms;
  std::atomic<bool> answered{false};
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        reply.send(text(request.path == "/big" ? big : "small"));
        answered = true;
      },
      options);
  RawClient client(server->port(), 4096);
  client.send(get("/big"));
  REQUIRE(eventually([&] { return answered && server->in_flight() == 0; }));  // the reply is with the loop
  CHECK(eventually([&] { return RawClient(server->port()).ask(get("/small")).status == 200; }));
  CHECK(client.receive().status == 0);
}

TEST_CASE("a client that pauses gets the end of the last answer of its connection") {
  const std::string answer(60'000, 'a');  // the system takes all of it at once
  Server::Options options;
  options.linger_time = 20ms;
  const auto server = serve([&](Request&&, Reply reply) { reply.send(text(answer)); }, options);
  RawClient client(server->port(), 4096);
  client.send(get("/", "Connection: close\r\n"));
  std::this_thread::sleep_for(300ms);  // many times the server's patience with a client that has taken all
  CHECK(client.receive().body == answer);
  bool orderly = false;
  CHECK(client.receive_rest(orderly).empty());
  CHECK(orderly);
}

TEST_CASE("timeouts end idle and halting clients, and never a reply that is pending") {
  Kept kept;
  Server::Options options;
  options.idle_timeout = options.receive_timeout = options.send_timeout = 1s;
  const auto server = serve([&](Request&& request, Reply reply) { kept.add(request.path, std::move(reply)); }, options);
  RawClient pending(server->port());
  pending.send(get("/pending"));
  REQUIRE(eventually([&] { return kept.size() == 1; }));
  for (int i = 0; i < 2; ++i) {
    RawClient idle(server->port());
    CHECK(idle.sees_end());
  }
  Server::Options hasty;  // with those that send nothing more
  hasty.receive_timeout = 100ms;
  const auto other = serve([](Request&&, Reply reply) { reply.send(text("whole")); }, hasty);
  RawClient half_head(other->port());
  CHECK(half_head.ask("GET / HTTP/1.1\r\nHost:").status == 408);
  CHECK(half_head.sees_end());
  RawClient half_body(other->port());
  CHECK(half_body.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").status == 408);
  CHECK(half_body.sees_end());
  kept.replies.front().second.send(text("at last"));
  CHECK(pending.receive().body == "at last");
}

TEST_CASE("an oversized body is refused from its head, and the client that goes on sending can read why") {
  Server::Options options;
  options.max_body_bytes = 8u << 20;
  const auto server = serve([](Request&&, Reply reply) { reply.send(text("ok")); }, options);
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1099511627776\r\n\r\n");
  CHECK(client.send(std::string(4u << 20, 'x')));
  const auto response = client.receive();
  CHECK(response.status == 413);
  CHECK(response.has("Connection: close\r\n"));
  CHECK_MESSAGE(response.body.find("1099511627776 bytes") != std::string::npos, response.body);

  // One that would go on for ever is cut.
  const std::string piece(1u << 20, 'x');
  int pieces = 0;
  while (client.send(piece) && pieces < 1000) ++pieces;
  CHECK(pieces < 1000);
}

TEST_CASE("a body of 40 MB arrives whole and unchanged") {
  std::string body(40u << 20, '\0');
  std::minstd_rand random(1);
  for (auto& byte : body) byte = static_cast<char>(random());
  std::atomic<bool> same{false};
  const auto server = serve([&](Request&& request, Reply reply) {
    same = request.body == body;
    reply.send(text("ok"));
  });
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  CHECK(client.send(body));
  CHECK(client.receive().body == "ok");
  CHECK(same);
}

TEST_CASE("bodies of all clients together are bounded, and their memory is given back") {
  Server::Options options;
  options.max_buffered_bytes = 1000;
  const auto server = serve([](Request&&, Reply reply) { reply.send(text("ok")); }, options);
  const auto post = [](std::size_t announced, std::size_t sent) {
    return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(announced) + "\r\n\r\n" +
           std::string(sent, 'x');
  };
  RawClient client(server->port());
  for (int i = 0; i < 5; ++i) CHECK(client.ask(post(900, 900)).status == 200);
  {
    RawClient halfway(server->port());
    halfway.send(post(900, 600));
    RawClient other(server->port());
    REQUIRE(eventually([&] {
      RawClient probe(server->port());
      return probe.ask(post(900, 900)).status == 429;
    }));
    CHECK(other.ask(post(300, 300)).status == 200);
  }
  CHECK(eventually([&] { return RawClient(server->port()).ask(post(900, 900)).status == 200; }));
}

TEST_CASE("heads count as bodies do, but for what every request has") {
  Server::Options options;
  options.max_buffered_bytes = 1000;
  const auto server = serve([](Request&&, Reply reply) { reply.send(text("ok")); }, options);
  const auto field = [](std::size_t bytes) { return "X: " + std::string(bytes, 'x') + "\r\n"; };
  RawClient client(server->port());
  CHECK(client.ask(post("x", field(3000))).status == 200);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n" + field(10'000) + "\r\n");
  CHECK(client.receive().status == 429);
  RawClient unfinished(server->port());
  CHECK(unfinished.ask("GET / HTTP/1.1\r\nHost: h\r\n" + field(10'000)).status == 429);
}

TEST_CASE("many servers start and stop at once, with clients at work") {
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&answered, t] {
      for (int i = 0; i < 10; ++i) {
        Server::Options options;
        options.io_threads = 1 + (t + i) % 3;
        options.workers = 2;
        const auto server = serve([](Request&& request, Reply reply) { reply.send(text(request.path)); }, options);
        RawClient client(server->port());
        if (i % 2 == 0 && client.ask(get("/x")).body == "/x") ++answered;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(answered == 20);
}
