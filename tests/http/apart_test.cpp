// Requests that are worked on apart from the others of a port.
#include <atomic>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/http/network_wait.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;

namespace {

std::string post_apart(std::string_view body) {
  return "POST /apart HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

/// One worker of each kind. What is below /apart asks the same port for /other, and waits for the answer.
class Nested {
 public:
  explicit Nested(Server::Options options = {}) {
    options.workers = 1;
    options.is_apart = [](const Request& head) { return head.path.starts_with("/apart"); };
    options.apart.workers = 1;
    options.apart.error_response = [](int status, const std::string&) {
      Response response = text("apart");
      response.status = status;
      return response;
    };
    server = serve(
        [this](Request&& request, Reply reply) {
          if (!request.path.starts_with("/apart")) return reply.send(text("other"));
          const NetworkWait wait;
          const NetworkWait::Lent lent(wait);
          ++waiting;
          REQUIRE(eventually([this] { return waiting >= wanted; }));
          RawClient client(server->port());
          reply.send(text(
              client.ask("POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n" + std::string(40000, 'x'))
                  .body));
        },
        options);
  }

  std::atomic<int> waiting{0};
  int wanted = 1;  ///< at once, before the first of them asks
  std::unique_ptr<Server> server;
};

}  // namespace

TEST_CASE("requests that wait for others of their port never keep those out, however many there are") {
  Server::Options options;
  options.apart.max_waiting = 64;
  options.max_buffered_bytes = 320'000;  // eight bodies of 40 KB: all of them are held by those that wait
  Nested nested(options);
  constexpr int k_clients = 8;
  nested.wanted = k_clients;
  std::vector<std::string> answers(k_clients);
  std::vector<std::thread> clients;
  for (int i = 0; i < k_clients; ++i) {
    clients.emplace_back([&, i] {
      RawClient client(nested.server->port());
      answers[static_cast<std::size_t>(i)] = client.ask(post_apart(std::string(40000, 'x'))).body;
    });
  }
  for (auto& client : clients) client.join();
  for (const std::string& answer : answers) CHECK(answer == "other");
}

TEST_CASE("they have a limit on bodies and a shape of errors of their own") {
  Server::Options options;
  options.max_body_bytes = 50'000;
  options.apart.max_body_bytes = 60'000;
  const Nested nested(options);
  const std::string between(55'000, 'x');
  CHECK(RawClient(nested.server->port()).ask(post(between)).status == 413);
  RawClient client(nested.server->port());
  CHECK(client.ask(post_apart(between)).body == "other");
  CHECK(client.ask(get("/other")).body == "other");  // one connection has requests of both kinds
  CHECK(client.ask(post_apart(between)).body == "other");
  const auto refused = client.ask(post_apart(std::string(60'001, 'x')));
  CHECK(refused.status == 413);
  CHECK(refused.body == "apart");
  const auto chunked = RawClient(nested.server->port())
                           .ask("POST /apart HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nEA61\r\n");
  CHECK(chunked.status == 413);
  CHECK(chunked.body == "apart");
}
