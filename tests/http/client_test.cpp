#include "server/http/client.h"

#include <doctest/doctest.h>
#include <future>

#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

std::future<Result<Response>> send(Client& client, ClientRequest request) {
  auto promise = std::make_shared<std::promise<Result<Response>>>();
  auto answer = promise->get_future();
  client.send(std::move(request), [promise](Result<Response> result) { promise->set_value(std::move(result)); });
  return answer;
}

}  // namespace

TEST_CASE("method, path, headers and body arrive, and so does the answer") {
  const auto server = serve([](Request&& request, Reply reply) {
    Response response;
    response.status = 418;
    response.content_type = "application/vnd.elasticsearch+json;compatible-with=9";
    response.headers.add("X-Seen", std::string(request.headers.get("X-Sent").value_or("nothing")));
    response.headers.add("X-Twice", "1");
    response.headers.add("x-twice", "2");
    response.body = std::string(to_string(request.method)) + " " + request.path + "?" + request.query + " " +
                    std::string(request.headers.get("Content-Type").value_or("no type")) + " " + request.body;
    reply.send(std::move(response));
  });
  const auto client = client_with();
  for (const Method method :
       {Method::get, Method::post, Method::put, Method::delete_, Method::patch, Method::options}) {
    auto request = request_to(url(server->port(), "/a/../%20?b=c"), method);
    request.headers.add("X-Sent", "value");
    request.headers.add("Content-Type", "text/x");
    request.body = std::string("a\0b", 3);
    const auto response = client->send_and_wait(request);
    REQUIRE(response.ok());
    CHECK(response->status == 418);
    CHECK(response->content_type == "application/vnd.elasticsearch+json;compatible-with=9");
    CHECK(response->headers.get("x-seen") == "value");
    CHECK(response->headers.get("X-Twice") == "1");
    CHECK(response->body == std::string(to_string(method)) + " /a/../%20?b=c text/x " + request.body);
  }
  const auto bare = client->send_and_wait(request_to(url(server->port()), Method::post));
  CHECK(bare->body == "POST /? no type ");
  const auto head = client->send_and_wait(request_to(url(server->port()), Method::head));
  REQUIRE(head.ok());
  CHECK(head->body.empty());
  CHECK(head->headers.get("Content-Length").has_value());
}

TEST_CASE("one connection serves request after request") {
  Server::Options options;
  options.max_connections = 1;
  const auto server = serve([](Request&&, Reply reply) { reply.send({}); }, options);
  const auto client = client_with();
  for (int i = 0; i < 20; ++i) {
    const auto response =
        client->send_and_wait(request_to(url(server->port()), i % 2 == 0 ? Method::get : Method::post));
    REQUIRE_MESSAGE(response.ok(), (response.ok() ? "" : response.error().message));
  }
}

TEST_CASE("a large body is sent without waiting for 100 Continue") {
  std::string expect = "none";
  std::size_t size = 0;
  const auto server = serve([&](Request&& request, Reply reply) {
    expect = std::string(request.headers.get("Expect").value_or("none"));
    size = request.body.size();
    reply.send({});
  });
  auto request = request_to(url(server->port()), Method::post);
  request.body.assign(3u << 20, 'x');
  CHECK(client_with()->send_and_wait(std::move(request)).ok());
  CHECK(expect == "none");
  CHECK(size == 3u << 20);
}

TEST_CASE("requests over the connection limit wait in line, in order") {
  Parked parked;
  Client::Options options;
  options.max_connections_per_host = 2;
  const auto client = client_with(options);
  std::vector<std::future<Result<Response>>> answers;
  for (int i = 0; i < 8; ++i)
    answers.push_back(send(*client, request_to(url(parked.server->port(), "/" + std::to_string(i)))));

  // The first two arrive in either order; from then on each answer lets exactly the next one in.
  auto a = parked.next();
  auto b = parked.next();
  CHECK(std::min(a.first, b.first) == "/0");
  CHECK(std::max(a.first, b.first) == "/1");
  for (int i = 2; i < 8; ++i) {
    CHECK(parked.server->in_flight() == 2);
    a.second.send(text(a.first));
    a = std::move(b);
    b = parked.next();
    CHECK(b.first == "/" + std::to_string(i));
  }
  a.second.send(text(a.first));
  b.second.send(text(b.first));
  for (int i = 0; i < 8; ++i) CHECK(answers[static_cast<std::size_t>(i)].get()->body == "/" + std::to_string(i));
}

TEST_CASE("a request that is late ends with deadline_exceeded, sent or still in line") {
  Parked parked;
  Client::Options options;
  options.max_connections_per_host = 1;
  const auto client = client_with(options);
  auto first = request_to(url(parked.server->port(), "/first"));
  first.timeout = 0ms;
  auto second = request_to(url(parked.server->port(), "/second"));
  second.timeout = 1s;
  auto first_answer = send(*client, first);
  auto second_answer = send(*client, second);
  const auto in_line = second_answer.get();
  REQUIRE_FALSE(in_line.ok());
  CHECK(in_line.error().code == ErrorCode::deadline_exceeded);
  auto held = parked.next();
  CHECK(held.first == "/first");
  held.second.send(text("first"));
  CHECK(first_answer.get()->body == "first");

  auto unanswered = send(*client, second);
  held = parked.next();
  const auto sent = unanswered.get();
  REQUIRE_FALSE(sent.ok());
  CHECK(sent.error().code == ErrorCode::deadline_exceeded);
}

TEST_CASE("an answer over the limit is given up on while it streams in") {
  const auto server = serve([](Request&& request, Reply reply) {
    reply.send(text(std::string(request.path == "/fits" ? 1000 : 1001, 'x')));
  });
  Client::Options options;
  options.max_response_bytes = 1000;
  const auto client = client_with(options);
  CHECK(client->send_and_wait(request_to(url(server->port(), "/fits"))).ok());
  const auto refused = client->send_and_wait(request_to(url(server->port(), "/over")));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(client->send_and_wait(request_to(url(server->port(), "/fits"))).ok());
}

TEST_CASE("redirects are handed out, not followed") {
  const auto server = serve([](Request&& request, Reply reply) {
    Response response{request.path == "/from" ? 302 : 200, {}, "text/plain", ""};
    response.headers.add("Location", "/to");
    reply.send(std::move(response));
  });
  const auto response = client_with()->send_and_wait(request_to(url(server->port(), "/from")));
  CHECK(response->status == 302);
  CHECK(response->headers.get("location") == "/to");
}

TEST_CASE("what cannot be asked says why") {
  const auto client = client_with();
  for (const char* bad : {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "", "no url", "http://"}) {
    const auto result = client->send_and_wait(request_to(bad));
    REQUIRE_MESSAGE(!result.ok(), bad);
    CHECK(result.error().code == ErrorCode::invalid_argument);
  }
  const auto shown = client->send_and_wait(request_to("ftp://me:hun/t@er2@es/x")).error().message;
  CHECK(shown.starts_with("'ftp://es/x' is not a URL"));
  const auto server = serve([](Request&&, Reply reply) { reply.send({}); });
  auto injected = request_to(url(server->port()));
  injected.headers.add("X-A", "1\r\nX-B: 2");
  CHECK(client->send_and_wait(injected).error().code == ErrorCode::invalid_argument);

  const auto gone = url(server->port());
  server->stop();
  const auto refused = client->send_and_wait(request_to(gone));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::unreachable);
  CHECK(refused.error().message.starts_with("connection failed: "));
}

TEST_CASE("a connection cut in the middle of an answer is unavailable, not a short answer") {
  Server::Options options;
  options.drain_timeout = 50ms;
  Parked parked(options);
  const auto client = client_with();
  auto answer = send(*client, request_to(url(parked.server->port())));
  auto held = parked.next();
  parked.server->stop();  // gives up on the reply after the drain's time
  CHECK(answer.get().error().code == ErrorCode::unavailable);
}

TEST_CASE("destroying the client ends what is outstanding with cancelled") {
  Parked parked;
  Client::Options options;
  options.max_connections_per_host = 1;
  auto client = client_with(options);
  auto sent = send(*client, request_to(url(parked.server->port())));
  auto in_line = send(*client, request_to(url(parked.server->port())));
  const auto held = parked.next();
  client.reset();
  CHECK(sent.get().error().code == ErrorCode::cancelled);
  CHECK(in_line.get().error().code == ErrorCode::cancelled);
}

TEST_CASE("a callback may send, and its exception harms no other request") {
  const auto server = serve([](Request&& request, Reply reply) { reply.send(text(request.path)); });
  const auto client = client_with();
  std::promise<std::string> promise;
  client->send(request_to(url(server->port(), "/1")), [&](Result<Response>) {
    client->send(request_to(url(server->port(), "/2")),
                 [&](Result<Response> second) { promise.set_value(second->body); });
    throw std::runtime_error("a fault of the callback");
  });
  CHECK(promise.get_future().get() == "/2");
}

TEST_CASE("a thousand requests at once are all answered, each with its own answer") {
  const auto server = serve([](Request&& request, Reply reply) { reply.send(text(request.body)); });
  const auto client = client_with();
  std::vector<std::future<Result<Response>>> answers;
  for (int i = 0; i < 1000; ++i) {
    auto request = request_to(url(server->port()), Method::post);
    request.body = std::to_string(i);
    answers.push_back(send(*client, std::move(request)));
  }
  for (int i = 0; i < 1000; ++i) CHECK(answers[static_cast<std::size_t>(i)].get()->body == std::to_string(i));
}
