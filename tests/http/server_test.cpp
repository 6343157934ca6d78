#include "server/http/server.h"

#include <doctest/doctest.h>
#include <future>
#include <latch>
#include <poll.h>
#include <stdexcept>
#include <thread>

#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

/// Says what was asked: "METHOD path?query body".
void echo(Request&& request, Reply reply) {
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.add("X-Method", to_string(request.method));
  response.body =
      std::string(to_string(request.method)) + " " + request.path + "?" + request.query + " " + request.body;
  reply.send(std::move(response));
}

/// A handler that stops at "/block" until it is let go on.
struct Gate {
  std::latch blocked{1};
  std::latch release{1};

  Server::Handler handler() {
    return [this](Request&& request, Reply reply) {
      if (request.path == "/block") {
        blocked.count_down();
        release.wait();
      }
      reply.send(text(request.path));
    };
  }
};

}  // namespace

TEST_CASE("every method reaches the handler with path, query and body") {
  const auto server = serve(echo);
  RawClient client(server->port());
  for (const std::string method : {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    const auto response = client.ask(method + " /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(response.status == 200);
    CHECK(response.body == method + " /a%20b?x=1 abc");
    CHECK(response.has("Content-Type: text/plain; charset=utf-8\r\n"));
  }
}

TEST_CASE("HTTP/1.1 stays open without a Connection header, HTTP/1.0 only if asked to") {
  const auto server = serve(echo);
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    const auto response = client.ask(get("/"));
    CHECK(response.status == 200);
    CHECK_FALSE(response.has("Connection:"));
  }
  CHECK(client.ask(get("/", "Connection: close\r\n")).has("Connection: close\r\n"));
  CHECK(client.sees_end());

  RawClient old(server->port());
  CHECK(old.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").has("Connection: keep-alive\r\n"));
  CHECK(old.ask("GET / HTTP/1.0\r\n\r\n").status == 200);
  CHECK(old.sees_end());
}

TEST_CASE("a handler may end the connection with its answer") {
  const auto server = serve([](Request&&, Reply reply) {
    Response response = text("last");
    response.headers.add("Connection", "close");
    reply.send(std::move(response));
  });
  RawClient client(server->port());
  const auto response = client.ask(get("/"));
  CHECK(response.body == "last");
  CHECK(response.has("Connection: close\r\n"));
  CHECK(client.sees_end());
}

TEST_CASE("HEAD has the length of GET and no body") {
  const auto server = serve(echo);
  RawClient client(server->port());
  const auto response = client.ask("HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\n", true);
  CHECK(response.has("Content-Length: 11\r\n"));
  CHECK(client.ask(get("/next")).body == "GET /next? ");
}

TEST_CASE("204 has neither body nor length, and unusual codes pass") {
  int status = 204;
  const auto server = serve([&](Request&&, Reply reply) { reply.send({status, {}, "a/b", "text"}); });
  RawClient client(server->port());
  const auto empty = client.ask(get("/"));
  CHECK(empty.status == 204);
  CHECK_FALSE(empty.has("Content-Length"));
  for (const int code : {207, 418, 422, 429, 451, 507, 599}) {
    status = code;
    const auto response = client.ask(get("/"));
    CHECK(response.status == code);
    CHECK(response.body == "text");
  }
}

TEST_CASE("a handler cannot break out of a header line or change the framing") {
  const auto server = serve([](Request&&, Reply reply) {
    Response response;
    response.headers.add("X-A", std::string("1\r\nX-Evil: 1\r\n\r\n<html>\0", 24));
    response.headers.add("X-B\r\nX-Evil", "1");
    response.headers.add("Content-Length", "999");
    response.headers.add("Transfer-Encoding", "chunked");
    response.content_type = "a\nX-Evil: 1";
    response.body = "ok";
    reply.send(std::move(response));
  });
  RawClient client(server->port());
  for (int i = 0; i < 2; ++i) {
    const auto response = client.ask(get("/"));
    CHECK(response.body == "ok");
    CHECK_FALSE(response.has("\nX-Evil"));
    CHECK_FALSE(response.has("chunked"));
  }
}

TEST_CASE("a body may be chunked, in pieces of any size") {
  const auto server = serve(echo);
  RawClient client(server->port());
  const std::string request =
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n00A;name=\"x\"\r\n0123456789\r\n0\r\nX-Trailer: dropped\r\n\r\n";
  CHECK(client.ask(request).body == "POST /p? abc0123456789");
  for (const char byte : request) REQUIRE(client.send({&byte, 1}));
  CHECK(client.receive().body == "POST /p? abc0123456789");
}

TEST_CASE("100-continue is answered before the body comes, and not when the body is refused") {
  Server::Options options;
  options.max_body_bytes = 100;
  const auto server = serve(echo, options);
  RawClient client(server->port());
  client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.receive().status == 100);
  CHECK(client.ask("abc").body == "POST /p? abc");
  CHECK(client.ask("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n").status == 413);
  CHECK(RawClient(server->port()).ask(get("/", "Expect: a-miracle\r\n")).status == 417);
}

TEST_CASE("requests sent ahead are answered in order") {
  const auto server = serve(echo);
  RawClient client(server->port());
  client.send(get("/1") + post("two") + get("/3") + "GET /4 HTTP/1.1\r\nHo");
  CHECK(client.receive().body == "GET /1? ");
  CHECK(client.receive().body == "POST /p? two");
  CHECK(client.receive().body == "GET /3? ");
  CHECK(client.ask("st: h\r\n\r\n").body == "GET /4? ");
}

TEST_CASE("any number of requests sent ahead are answered, in order") {
  const auto server = serve(echo);
  RawClient client(server->port());
  constexpr int k_requests = 5000;
  std::string all;
  for (int i = 0; i < k_requests; ++i) all += get("/" + std::to_string(i));
  std::thread sender([&] { client.send(all); });
  int in_order = 0;
  for (int i = 0; i < k_requests; ++i) {
    if (client.receive().body == "GET /" + std::to_string(i) + "? ") ++in_order;
  }
  sender.join();
  CHECK(in_order == k_requests);
  CHECK(client.ask(get("/after")).status == 200);
}

TEST_CASE("a client that sends ahead waits while its request is handled, and is missed when it leaves") {
  Parked parked;
  std::string many;
  while (many.size() < (16u << 20)) many += get("/more");
  RawClient client(parked.server->port());
  client.send(get("/first"));
  auto [path, reply] = parked.next();
  std::size_t sent = 0;
  // What the sockets hold, and little more, is taken: the rest is refused, for now.
  while (sent < many.size()) {
    pollfd writable{client.descriptor(), POLLOUT, 0};
    if (::poll(&writable, 1, 300) <= 0) break;
    const auto count = ::send(client.descriptor(), many.data() + sent, many.size() - sent, MSG_DONTWAIT);
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  CHECK(sent < many.size());
  CHECK_FALSE(reply.client_left());
  client.reset();
  CHECK(eventually([&, &waiting = reply] { return waiting.client_left(); }));
}

TEST_CASE("a reply that is dropped, or a handler that throws, is a 500") {
  const auto server = serve([](Request&& request, Reply reply) {
    if (request.path == "/throw") throw std::runtime_error("secret");
    Reply dropped = std::move(reply);
  });
  RawClient client(server->port());
  for (const char* path : {"/throw", "/drop"}) {
    const auto response = client.ask(get(path));
    CHECK(response.status == 500);
    CHECK(response.body == R"({"error":{"message":"internal error","code":500}})");
  }
  CHECK(server->in_flight() == 0);
}

TEST_CASE("whatever is thrown at a border of the server, the request is answered and others are served") {
  Server::Options options;
  options.check_head = [](const Request& head) -> std::optional<HeadAnswer> {
    if (head.path == "/check") throw 1;
    return {};
  };
  options.error_response = [](int status, const std::string&) -> Response {
    if (status == 500) throw 2;
    return {};
  };
  options.access_log = [](const AccessRecord&) { throw 3; };
  const auto server = serve(
      [](Request&& request, Reply reply) {
        if (request.path == "/handler") throw 4;
        if (request.path == "/stream") {
          auto stream = reply.stream(ResponseHead{});
          stream.write("streamed");
          stream.when_drained(0, [] { throw 5; });
          return stream.finish();
        }
        reply.send(text("ok"));
      },
      options);
  RawClient client(server->port());
  for (int i = 0; i < 2; ++i) {
    CHECK(client.ask(get("/check")).status == 500);
    CHECK(client.ask(get("/handler")).status == 500);
    CHECK(client.ask(get("/stream")).body == "streamed");
    CHECK(client.ask(get("/")).body == "ok");
  }
}

TEST_CASE("a callback that throws when a client has left harms no other client") {
  Parked parked;
  RawClient client(parked.server->port());
  client.send(get("/"));
  auto reply = parked.next().second;
  auto stream = reply.stream(ResponseHead{});
  const std::string much(16u << 20, 's');
  stream.write(much);
  stream.when_drained(0, [] { throw 1; });
  client.reset();
  CHECK(eventually([&] { return stream.client_left(); }));
  RawClient other(parked.server->port());
  other.send(get("/"));
  parked.next().second.send(text("ok"));
  CHECK(other.receive().body == "ok");
}

TEST_CASE("the server's own errors have the shape of the port") {
  Server::Options options;
  options.error_response = [](int status, const std::string& message) {
    Response response{status, {}, "text/x-error", "<" + message + ">"};
    response.headers.add("X-elastic-product", "Elasticsearch");
    return response;
  };
  const auto server = serve([](Request&&, Reply) {}, options);
  RawClient client(server->port());
  const auto dropped = client.ask(get("/"));
  CHECK(dropped.body == "<internal error>");
  CHECK(dropped.has("X-elastic-product: Elasticsearch\r\n"));
  const auto refused = client.ask("BREW / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(refused.status == 405);
  CHECK(refused.has("Allow: GET, HEAD"));
  CHECK(refused.has("Content-Type: text/x-error\r\n"));
}

TEST_CASE("a blocked handler holds up no other connection of its event loop") {
  Gate gate;
  Server::Options options;
  options.io_threads = 1;
  options.workers = 2;
  const auto server = serve(gate.handler(), options);
  RawClient slow(server->port());
  RawClient quick(server->port());
  slow.send(get("/block"));
  gate.blocked.wait();
  CHECK(server->in_flight() == 1);
  const auto response = quick.ask(get("/quick"));
  gate.release.count_down();  // before any check: a failed one must not leave the handler waiting
  CHECK(response.body == "/quick");
  CHECK(slow.receive().body == "/block");
}

TEST_CASE("urgent requests are answered while every worker is busy") {
  Gate gate;
  Server::Options options;
  options.workers = 1;
  options.urgent = [](const Request& request) { return request.path == "/health"; };
  const auto server = serve(gate.handler(), options);
  RawClient slow(server->port());
  slow.send(get("/block"));
  gate.blocked.wait();
  const auto health = RawClient(server->port()).ask(get("/health"));
  gate.release.count_down();  // before any check: a failed one must not leave the handler waiting
  CHECK(health.body == "/health");
  CHECK(slow.receive().body == "/block");
}

TEST_CASE("requests past the queue get 429 at once, and the queue is served after") {
  Gate gate;
  Server::Options options;
  options.workers = 1;
  options.max_queued_requests = 1;
  const auto server = serve(gate.handler(), options);
  RawClient first(server->port());
  RawClient second(server->port());
  RawClient third(server->port());
  first.send(get("/block"));
  gate.blocked.wait();
  second.send(get("/queued"));
  while (server->in_flight() < 2) std::this_thread::yield();
  const auto refused = third.ask(get("/refused"));  // while the worker is still blocked
  gate.release.count_down();
  CHECK(refused.status == 429);
  CHECK(second.receive().body == "/queued");
  CHECK(first.receive().status == 200);
}

TEST_CASE("a handler learns that its client has left") {
  Parked parked;
  RawClient client(parked.server->port());
  client.send(get("/"));
  auto reply = parked.next().second;
  CHECK_FALSE(reply.client_left());
  client.reset();
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!reply.client_left() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(reply.client_left());
}

TEST_CASE("stop answers what is in flight, then closes") {
  Parked parked;
  RawClient idle(parked.server->port());
  RawClient busy(parked.server->port());
  busy.send(get("/"));
  auto reply = parked.next().second;
  auto stopped = std::async(std::launch::async, [&] { parked.server->stop(); });
  CHECK(idle.sees_end());  // idle connections go first: the drain has begun
  CHECK(stopped.wait_for(0s) == std::future_status::timeout);
  RawClient late(parked.server->port());
  CHECK((!late.connected() || late.sees_end()));
  reply.send(text("done"));
  const auto response = busy.receive();
  CHECK(response.body == "done");
  CHECK(response.has("Connection: close\r\n"));
  CHECK(busy.sees_end());
  stopped.get();
  CHECK_FALSE(RawClient(parked.server->port()).connected());
}

TEST_CASE("stop gives up on a reply that does not come") {
  Server::Options options;
  options.drain_timeout = 50ms;
  Parked parked(options);
  RawClient client(parked.server->port());
  client.send(get("/"));
  auto reply = parked.next().second;
  parked.server->stop();
  CHECK(client.sees_end());
  CHECK(reply.client_left());
  reply.send({});  // harmless after the server's end
}

TEST_CASE("a taken port and an unknown host are named in the error") {
  const auto server = serve(echo);
  Server::Options options;
  options.port = server->port();
  const auto taken = Server::start(options, echo);
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.error().code == ErrorCode::unavailable);
  CHECK(taken.error().message.find("127.0.0.1:" + std::to_string(options.port)) != std::string::npos);
  options = {};
  options.host = "256.1.1.1";
  const auto unknown = Server::start(options, echo);
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().code == ErrorCode::invalid_argument);
  CHECK(unknown.error().message.find("256.1.1.1") != std::string::npos);
}

TEST_CASE("localhost and IPv6 are served") {
  for (const char* host : {"localhost", "::1", "0.0.0.0"}) {
    Server::Options options;
    options.host = host;
    const auto server = Server::start(options, echo);
    REQUIRE_MESSAGE(server.ok(), host);
    CHECK((*server)->port() != 0);
  }
}
