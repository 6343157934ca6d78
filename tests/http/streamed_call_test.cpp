// Calls whose answer is handed over piece by piece, against servers that answer well and badly.
#include <atomic>
#include <doctest/doctest.h>
#include <future>
#include <vector>

#include "server/http/transfer.h"
#include "tests/http/raw_peer.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

/// What became of one streamed call.
struct Seen {
  std::optional<ResponseHead> head;  ///< the members down to `ends` may be read once the call has ended
  std::string body;
  int heads = 0;
  int ends = 0;
  std::atomic<std::size_t> bytes{0};
  std::atomic<bool> paused{false};
  std::size_t pause_after = std::string::npos;  ///< bytes
  std::promise<Status> ended;
  std::promise<void> begun;
  std::shared_ptr<StreamedCall> call;
  const std::shared_ptr<Cancellation> work = std::make_shared<Cancellation>();

  StreamHandlers handlers() {
    return {[this](ResponseHead given) {
              ++heads;
              CHECK(body.empty());
              head = std::move(given);
              begun.set_value();
            },
            [this](std::string_view piece) {
              CHECK_FALSE(paused);
              body += piece;
              bytes += piece.size();
              if (bytes < pause_after) return true;
              paused = true;
              return false;
            },
            [this](Status status) {
              ++ends;
              ended.set_value(std::move(status));
            }};
  }
  void go_on(std::size_t next_pause = std::string::npos) {
    pause_after = next_pause;
    paused = false;
    call->resume();
  }
  Status outcome() { return ended.get_future().get(); }
};

std::unique_ptr<Seen> stream(Client& client, ClientRequest request, std::size_t pause_after = std::string::npos) {
  auto seen = std::make_unique<Seen>();
  seen->pause_after = pause_after;
  request.cancellation = seen->work;
  seen->call = client.stream(std::move(request), seen->handlers());
  return seen;
}

/// Answers every request of every connection with the same bytes; with `cut` the connection ends after each.
std::function<void(PeerConnection&)> always(std::string answer, bool cut = false) {
  return [answer = std::move(answer), cut](PeerConnection& peer) {
    while (!peer.request().empty() && peer.send(answer) && !cut) {
    }
  };
}

/// Time that passes: a request that nobody answers.
void let_pass(Client& client, std::chrono::milliseconds time) {
  RawPeer silent([](PeerConnection& connection) { connection.sees_end(); });
  auto request = request_to(url(silent.port()));
  request.timeout = time;
  CHECK(client.send_and_wait(std::move(request)).error().code == ErrorCode::deadline_exceeded);
}

/// A request whose answer begins: what is left of its body by then.
class BodyOfAnswered final : public Transfer {
 public:
  using Transfer::Transfer;
  void end(Status) override {}
  std::size_t kept = std::string::npos;

 protected:
  void take_head(ResponseHead) override { kept = request_.body.size() == 0 ? request_.body.capacity() : 1u << 20; }
  Flow take_body(std::string_view) override { return Flow::more; }
};

}  // namespace

TEST_CASE("the body of a request is freed as soon as its answer begins") {
  RawPeer peer(always("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"));
  for (const std::size_t bytes : {std::size_t{1000}, std::size_t{5'000'000}}) {
    auto request = request_to(url(peer.port()), Method::post);
    request.body.assign(bytes, 'x');
    BodyOfAnswered transfer(std::move(request));
    REQUIRE(transfer.prepare(Client::Options{}, nullptr) != nullptr);
    CHECK(curl_easy_perform(transfer.handle()) == CURLE_OK);
    CHECK(transfer.kept < 100);
  }
}

TEST_CASE("a server that answers before it has read the body gets all of it") {
  std::string got;
  RawPeer early([&](PeerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    got = connection.request();
    connection.send("yes");
    connection.sees_end();
  });
  std::string body(5'000'000, 'x');
  body.back() = 'y';
  {
    const auto client = client_with();
    auto request = request_to(url(early.port()), Method::post);
    request.body = body;
    const auto seen = stream(*client, std::move(request));
    REQUIRE(seen->outcome().ok());
    CHECK(seen->body == "yes");
  }
  CHECK(got.ends_with("\r\n\r\n" + body));
}

TEST_CASE("a streamed call hands over head, body and end, in that order") {
  RawPeer peer(
      always("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
             "HTTP/1.1 418 Teapot\r\nContent-Type: text/x\r\nWarning: one\r\nContent-Encoding: gzip\r\n"
             "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nwarning: two\r\nX-Empty:\r\n"
             "Content-Length: 7\r\n\r\nnot\0zip"s));
  const auto client = client_with();
  const auto seen = stream(*client, request_to(url(peer.port())));
  REQUIRE(seen->outcome().ok());
  CHECK(seen->heads == 1);
  CHECK(seen->ends == 1);
  CHECK(seen->head->status == 418);
  CHECK(seen->head->content_length == 7);
  CHECK(seen->body == "not\0zip"s);
  std::string fields;
  for (const auto& [name, value] : seen->head->headers.all()) fields += name + "=" + value + ";";
  CHECK(fields == "Content-Type=text/x;Warning=one;Content-Encoding=gzip;warning=two;X-Empty=;");
  seen->call->resume();  // harmless after the end
  seen->work->cancel(CancelReason::client_left);
}

TEST_CASE("a chunked answer has no length, and its trailers are no part of the head") {
  RawPeer peer(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"
             "3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Late: 1\r\n\r\n"));
  const auto client = client_with();
  for (int i = 0; i < 2; ++i) {
    const auto seen = stream(*client, request_to(url(peer.port())));
    REQUIRE(seen->outcome().ok());
    CHECK_FALSE(seen->head->content_length.has_value());
    CHECK(seen->head->headers.all().empty());
    CHECK(seen->body == "abcdefg");
  }
}

TEST_CASE("the answer to HEAD has the length that GET would have") {
  RawPeer peer(always("HTTP/1.1 200 OK\r\nContent-Length: 9876543210\r\n\r\n"));
  const auto client = client_with();
  for (int i = 0; i < 2; ++i) {
    const auto seen = stream(*client, request_to(url(peer.port()), Method::head));
    REQUIRE(seen->outcome().ok());
    CHECK(seen->head->content_length == 9876543210);
    CHECK(seen->body.empty());
  }
}

TEST_CASE("a streamed body is as large as it likes") {
  const auto server = serve([](Request&&, Reply reply) { reply.send(text(std::string(3u << 20, 'x'))); });
  Client::Options options;
  options.max_response_bytes = 1000;
  const auto client = client_with(options);
  const auto seen = stream(*client, request_to(url(server->port())));
  CHECK(seen->outcome().ok());
  CHECK(seen->body.size() == 3u << 20);
}

TEST_CASE("half an answer is an error, whatever framed it") {
  const char* const answers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
  };
  for (const char* answer : answers) {
    RawPeer peer(always(answer, true));
    const auto client = client_with();
    const auto seen = stream(*client, request_to(url(peer.port())));
    const auto status = seen->outcome();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::unavailable);
    CHECK(seen->heads == 1);
    CHECK(seen->body == "half");
  }
}

TEST_CASE("what is no answer, or only half a head, is an error without a head") {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nContent-Le", "nonsense\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", ""}) {
    RawPeer peer(always(answer, true));
    const auto client = client_with();
    const auto seen = stream(*client, request_to(url(peer.port()), Method::post));
    const auto status = seen->outcome();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::unavailable);
    CHECK(seen->heads == 0);
  }
}

TEST_CASE("a paused call takes nothing more, is not late, and goes on where it stopped") {
  constexpr std::size_t k_total = 64u << 20;
  std::atomic<std::size_t> taken{0};
  RawPeer peer([&](PeerConnection& connection) {
    connection.request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(k_total) + "\r\n\r\n");
    for (std::size_t at = 0; at < k_total; at += 1u << 16) {
      if (!connection.send(std::string(1u << 16, static_cast<char>('a' + at / (1u << 16) % 26)))) return;
      taken += 1u << 16;
    }
  });
  const auto client = client_with();
  auto request = request_to(url(peer.port()));
  request.timeout = 10s;
  request.silence_timeout = 2s;
  const auto seen = stream(*client, std::move(request), 1);
  REQUIRE(eventually([&] { return seen->paused.load(); }));
  const std::size_t at_pause = seen->bytes;
  let_pass(*client, 3s);
  CHECK(seen->bytes == at_pause);
  CHECK(taken < k_total / 2);  // what the sockets hold, and no more
  seen->go_on(1u << 20);
  REQUIRE(eventually([&] { return seen->paused.load(); }));
  CHECK(seen->bytes < (1u << 20) + (1u << 17));
  seen->go_on();
  const auto status = seen->outcome();
  CHECK_MESSAGE(status.ok(), (status.ok() ? "" : status.error().message));
  REQUIRE(seen->body.size() == k_total);
  bool right = true;
  for (std::size_t at = 0; at < k_total; at += 4096)
    right = right && seen->body[at] == static_cast<char>('a' + at / (1u << 16) % 26);
  CHECK(right);
}

TEST_CASE("a streamed call is late without a head in time, and when its answer falls silent") {
  RawPeer peer([](PeerConnection& connection) {
    if (connection.request().starts_with("GET /begins ")) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    }
    CHECK(connection.sees_end());
  });
  const auto client = client_with();
  auto request = request_to(url(peer.port(), "/never"));
  request.timeout = 50ms;
  const auto never = stream(*client, request);
  CHECK(never->outcome().error().code == ErrorCode::deadline_exceeded);
  CHECK(never->heads == 0);
  request = request_to(url(peer.port(), "/begins"));
  request.silence_timeout = 50ms;
  const auto silent = stream(*client, request);
  const auto status = silent->outcome();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::deadline_exceeded);
  CHECK(status.error().message.find("50 ms") != std::string::npos);
  CHECK(silent->body == "half");
}

TEST_CASE("a call can be cancelled in line, before the head, in the body, while paused, and after the client") {
  RawPeer peer([](PeerConnection& connection) {
    const auto request = connection.request();
    if (request.starts_with("GET /body ")) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    CHECK(connection.sees_end());  // a call that is cancelled keeps no connection
  });
  Client::Options options;
  options.max_connections_per_host = 1;
  auto client = client_with(options);
  const auto cancelled = [](Seen& seen) {
    seen.work->cancel(CancelReason::client_left);
    return seen.outcome().error().code == ErrorCode::cancelled;
  };
  const auto silent = stream(*client, request_to(url(peer.port(), "/silent")));
  const auto in_line = stream(*client, request_to(url(peer.port(), "/silent")));
  CHECK(cancelled(*in_line));
  CHECK(cancelled(*silent));
  const auto middle = stream(*client, request_to(url(peer.port(), "/body")));
  middle->begun.get_future().get();
  CHECK(cancelled(*middle));
  const auto paused = stream(*client, request_to(url(peer.port(), "/body")), 1);
  REQUIRE(eventually([&] { return paused->paused.load(); }));
  CHECK(cancelled(*paused));
  const auto last = stream(*client, request_to(url(peer.port(), "/silent")));
  client.reset();
  CHECK(last->outcome().error().code == ErrorCode::cancelled);
  for (const auto* seen : {&silent, &in_line, &middle, &paused, &last}) CHECK((*seen)->ends == 1);
  last->call->resume();
  last->work->cancel(CancelReason::client_left);
}

TEST_CASE("a request goes out exactly as it was given") {
  std::promise<std::string> received;
  RawPeer peer([&](PeerConnection& connection) {
    received.set_value(connection.request());
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    connection.sees_end();
  });
  const std::string host = "127.0.0.1:" + std::to_string(peer.port());
  Client::Options options;
  options.user_agent.clear();
  const auto client = client_with(options);
  const auto sent = [&](ClientRequest request) {
    received = {};
    auto one = client_with(options);  // one connection a request
    CHECK(stream(*one, std::move(request))->outcome().ok());
    return received.get_future().get();
  };

  auto request = request_to(url(peer.port(), "/a/../b//%2F?q=a+b&x=%C3%A4&empty="), Method::post);
  request.body = "{}";
  request.headers.add("X-Opaque-Id", "7");
  request.headers.add("X-Twice", "1");
  request.headers.add("x-twice", "2");
  request.headers.add("X-Empty", "");
  request.headers.add("Connection", "keep-alive, X-Hop");
  request.headers.add("X-Hop", "1");
  request.headers.add("TE", "trailers");
  request.headers.add("Expect", "100-continue");
  request.headers.add("Content-Length", "999");
  CHECK(sent(request) ==
        "POST /a/../b//%2F?q=a+b&x=%C3%A4&empty= HTTP/1.1\r\nHost: " + host +
            "\r\nX-Opaque-Id: 7\r\nX-Twice: 1\r\nx-twice: 2\r\nX-Empty:\r\nContent-Length: 2\r\n\r\n{}");

  auto stripping = request_to(url(peer.port()));
  stripping.headers.add("Connection",
                        "Authorization, content-type, X-Found-Cluster, X-Opaque-Id, es-security-runas-user, X-Hop");
  for (const char* field : {"Authorization", "X-Found-Cluster", "X-Opaque-Id", "es-security-runas-user"})
    stripping.headers.add(field, "kept");
  stripping.headers.add("X-Hop", "1");
  stripping.headers.add("Content-Type", "c/d");
  stripping.headers.add("Proxy-Authorization", "Basic secret");
  const auto kept = sent(stripping);
  for (const char* field : {"\r\nAuthorization: kept\r\n", "\r\nX-Found-Cluster: kept\r\n", "\r\nX-Opaque-Id: kept\r\n",
                            "\r\nes-security-runas-user: kept\r\n", "\r\nContent-Type: c/d\r\n"})
    CHECK_MESSAGE(kept.find(field) != std::string::npos, field);
  for (const char* field : {"X-Hop", "Proxy-", "secret", "Connection"})
    CHECK_MESSAGE(kept.find(field) == std::string::npos, field);

  auto told = request_to(url(peer.port()), Method::post);
  told.headers.add("User-Agent", "somebody");
  told.headers.add("Accept", "a/b");
  told.headers.add("Content-Type", "c/d");
  const auto as_told = sent(told);
  for (const char* field : {"User-Agent: somebody\r\n", "Accept: a/b\r\n", "Content-Type: c/d\r\n"})
    CHECK(as_told.find(field) != std::string::npos);

  const std::string rest = " / HTTP/1.1\r\nHost: " + host + "\r\n";
  for (const Method method : {Method::get, Method::delete_, Method::options}) {
    auto plain = request_to(url(peer.port()), method);
    CHECK(sent(plain) == to_string(method) + rest + "\r\n");
    plain.body = "body";
    CHECK(sent(plain) == to_string(method) + rest + "Content-Length: 4\r\n\r\nbody");
  }
  for (const Method method : {Method::post, Method::put, Method::patch}) {
    CHECK(sent(request_to(url(peer.port()), method)) == to_string(method) + rest + "Content-Length: 0\r\n\r\n");
  }
  CHECK(sent(request_to(url(peer.port()), Method::head)) == "HEAD" + rest + "\r\n");

  options = {};
  CHECK(sent(request_to(url(peer.port()))).find("\r\nUser-Agent: sightline/") != std::string::npos);
}

TEST_CASE("a server that was never reached is told from one that broke off") {
  const auto client = client_with();
  std::uint16_t closed = 0;
  {
    RawPeer gone([](PeerConnection&) {});
    closed = gone.port();
  }
  const auto refused = stream(*client, request_to(url(closed), Method::post))->outcome();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::unreachable);

  RawPeer resets([](PeerConnection& connection) {
    connection.request();
    connection.reset();
  });
  const auto reset = stream(*client, request_to(url(resets.port()), Method::post))->outcome();
  REQUIRE_FALSE(reset.ok());
  CHECK(reset.error().code == ErrorCode::unavailable);
  CHECK(reset.error().message.starts_with("connection failed: http://127.0.0.1:"));
}

TEST_CASE("on a kept connection that is cut, a GET is sent again, and what may change something is not") {
  for (const auto& [method, body] : {std::pair{Method::get, ""},
                                     {Method::post, ""},
                                     {Method::put, "doc"},
                                     {Method::delete_, ""},
                                     {Method::head, ""}}) {
    std::atomic<int> seen{0};
    // The first connection answers once and swallows its second request; the next one answers all.
    std::atomic<bool> first{true};
    RawPeer peer([&](PeerConnection& connection) {
      const bool swallows = first.exchange(false);
      while (!connection.request().empty()) {
        ++seen;
        if (swallows && seen == 2) return;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
    });
    const auto client = client_with();
    REQUIRE(client->send_and_wait(request_to(url(peer.port()))).ok());
    auto request = request_to(url(peer.port()), method);
    request.body = body;
    const auto answer = client->send_and_wait(std::move(request));
    const bool repeats = method == Method::get || method == Method::head;
    CHECK(answer.ok() == repeats);
    CHECK(seen == (repeats ? 3 : 2));
    if (!answer.ok()) CHECK(answer.error().code == ErrorCode::unavailable);
  }
}

TEST_CASE("a handler that throws ends its own call, and no other") {
  const auto server = serve([](Request&&, Reply reply) { reply.send(text("body")); });
  const auto client = client_with();
  std::promise<Status> ended;
  client->stream(request_to(url(server->port())),
                 {nullptr, [](std::string_view) -> bool { throw std::runtime_error("a fault"); },
                  [&](Status status) { ended.set_value(std::move(status)); }});
  CHECK(ended.get_future().get().error().code == ErrorCode::internal);
  CHECK(client->send_and_wait(request_to(url(server->port())))->body == "body");
}

TEST_CASE("whatever a handler throws, its own call ends with an error, and others go on") {
  RawPeer peer(always("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"));
  const auto client = client_with();
  std::promise<Status> outcome;
  StreamHandlers handlers;
  handlers.body = [](std::string_view) -> bool { throw 1; };
  handlers.done = [&](const Status& status) {
    outcome.set_value(status);
    throw 2;
  };
  client->stream(request_to(url(peer.port())), std::move(handlers));
  CHECK(outcome.get_future().get().error().code == ErrorCode::internal);
  std::promise<Status> of_head;
  StreamHandlers throws_at_head;
  throws_at_head.head = [](const ResponseHead&) { throw 4; };
  throws_at_head.done = [&](const Status& status) { of_head.set_value(status); };
  client->stream(request_to(url(peer.port())), std::move(throws_at_head));
  CHECK(of_head.get_future().get().error().code == ErrorCode::internal);
  client->send(request_to("http://127.0.0.1:1/"), [](Result<Response>) { throw 3; });
  CHECK_FALSE(client->send_and_wait(request_to("http://127.0.0.1:1/")).ok());
}
