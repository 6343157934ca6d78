// A proxy in small: answers of one server handed on by another, piece by piece.
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <mutex>
#include <vector>

#include "tests/http/raw_peer.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;

namespace {

constexpr std::size_t k_high = 256u << 10;

/// One request handed on. The client's thread writes; the server's thread only resumes.
struct Relayed : std::enable_shared_from_this<Relayed> {
  Relayed(Reply given, std::atomic<std::size_t>& most) : reply(std::move(given)), most_waiting(most) {}

  void start(Client& client, ClientRequest request) {
    auto started = client.stream(
        std::move(request),
        {[self = shared_from_this()](ResponseHead head) { self->answer = self->reply.stream(std::move(head)); },
         [self = shared_from_this()](std::string_view piece) { return self->pass_on(piece); },
         [self = shared_from_this()](const Status& status) { self->end(status); }});
    const std::lock_guard lock(mutex);
    call = std::move(started);
    if (resumed) call->resume();
  }
  bool pass_on(std::string_view piece) {
    answer.write(piece);
    most_waiting = std::max(most_waiting.load(), answer.waiting());
    if (answer.waiting() <= k_high) return true;
    answer.when_drained(k_high / 2, [self = shared_from_this()] { self->resume(); });
    return false;
  }
  void resume() {
    const std::lock_guard lock(mutex);
    resumed = true;
    if (call) call->resume();
  }
  void end(const Status& status) {
    if (status.ok()) answer.finish();
    answer = ReplyStream(nullptr);  // unless it was finished, this cuts
    Reply unanswered = std::move(reply);
  }

  Reply reply;
  ReplyStream answer{nullptr};
  std::atomic<std::size_t>& most_waiting;
  std::mutex mutex;
  std::shared_ptr<StreamedCall> call;
  bool resumed = false;  ///< the client may read on before `call` is known
};

class Relay {
 public:
  explicit Relay(std::uint16_t upstream, const Server::Options& options = {})
      : client(client_with()),
        server(serve(
            [this, upstream](Request&& request, Reply reply) {
              auto on = request_to(url(upstream, request.path), request.method);
              on.body = std::move(request.body);
              on.cancellation = request.cancellation;
              std::make_shared<Relayed>(std::move(reply), most_waiting)->start(*client, std::move(on));
            },
            options)) {}
  ~Relay() { server->stop(); }

  std::atomic<std::size_t> most_waiting{0};
  const std::unique_ptr<Client> client;
  const std::unique_ptr<Server> server;
};

const std::string k_big(64u << 20, 'b');

}  // namespace

TEST_CASE("a large answer is handed on whole while little of it is held") {
  std::atomic<std::size_t> taken{0};
  RawPeer upstream([&](PeerConnection& connection) {
    while (!connection.request().empty()) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(k_big.size()) + "\r\n\r\n");
      for (std::size_t at = 0; at < k_big.size(); at += 1u << 20) {
        if (!connection.send(std::string_view(k_big).substr(at, 1u << 20))) return;
        taken += 1u << 20;
      }
    }
  });
  Relay relay(upstream.port());
  RawClient client(relay.server->port(), 64 << 10);
  client.send(get("/"));
  REQUIRE(eventually([&] { return relay.most_waiting > k_high; }));
  // The client reads nothing: the rest stays where it is, while others are served.
  RawClient other(relay.server->port());
  CHECK(other.ask("nonsense\r\n\r\n").status == 400);
  CHECK(taken < k_big.size() / 2);
  const auto response = client.receive();
  CHECK(response.status == 200);
  CHECK((response.body == k_big));
  CHECK(relay.most_waiting < k_high + (128u << 10));
}

TEST_CASE("an upstream that dies in the middle of its answer cuts the client, and one that is not there is told") {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
    RawPeer upstream([&](PeerConnection& connection) {
      connection.request();
      connection.send(answer);
      connection.reset();
    });
    Relay relay(upstream.port());
    RawClient client(relay.server->port());
    CHECK(client.ask(get("/")).status == 0);
    CHECK(client.sees_end());
  }
  RawPeer mute([](PeerConnection& connection) { connection.request(); });
  Relay relay(mute.port());
  CHECK(RawClient(relay.server->port()).ask(get("/")).status == 500);
}

TEST_CASE("a client that vanishes, or takes nothing, does not hold the upstream's connection") {
  for (const bool vanishes : {true, false}) {
    std::promise<void> answering;
    std::promise<void> upstream_left;
    RawPeer upstream([&](PeerConnection& connection) {
      connection.request();
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
      answering.set_value();
      if (!vanishes) {
        while (connection.send("5\r\nbytes\r\n")) {
        }
      } else if (!connection.sees_end()) {
        return;
      }
      upstream_left.set_value();
    });
    Server::Options options;
    if (!vanishes) options.send_timeout = std::chrono::milliseconds(100);
    Relay relay(upstream.port(), options);
    RawClient client(relay.server->port(), 4096);
    client.send(get("/"));
    answering.get_future().get();
    if (vanishes) client.reset();
    CHECK(upstream_left.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(eventually([&] { return relay.server->in_flight() == 0; }));
  }
}

TEST_CASE("many relayed requests at once all get their own answers") {
  const auto upstream = serve(
      [](Request&& request, Reply reply) { reply.send(text(request.path + std::string(request.body.size(), 'x'))); });
  Relay relay(upstream->port());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        RawClient client(relay.server->port());
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        client.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(i * 1000) +
                    "\r\n\r\n" + std::string(static_cast<std::size_t>(i) * 1000, 'y'));
        if (i % 5 == 0) {
          client.reset();
          continue;
        }
        if (client.receive().body != path + std::string(static_cast<std::size_t>(i) * 1000, 'x')) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(eventually([&] { return relay.server->in_flight() == 0; }));
}
