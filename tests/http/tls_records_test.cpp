// TLS peers that send records without data, and the answers that a TLS session has half sent.
#include "server/http/tls_records.h"

#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <functional>
#include <future>
#include <mutex>
#include <openssl/pem.h>
#include <optional>
#include <signal.h>
#include <thread>

#include "server/http/tls.h"
#include "tests/base/temporary_folder.h"
#include "tests/http/certificates.h"
#include "tests/http/raw_peer.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";

/// A certificate of the loopback and its key, as files.
struct Files {
  Files() {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(certificate().c_str(), "w"), std::fclose);
    PEM_write_X509(out.get(), identity.certificate.get());
    out.reset(std::fopen(key().c_str(), "w"));
    PEM_write_PrivateKey(out.get(), identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }
  std::string certificate() const { return folder.path() / "cert.pem"; }
  std::string key() const { return folder.path() / "key.pem"; }

  const TemporaryFolder folder;
  const Identity identity = make_identity("self", nullptr, "IP:127.0.0.1");
};

std::unique_ptr<Server> serve_tls(const Files& files, Server::Handler handler) {
  ::signal(SIGPIPE, SIG_IGN);  // see TlsServer
  auto tls = TlsServer::create({files.certificate(), files.key(), {}});
  REQUIRE_MESSAGE(tls.ok(), (tls.ok() ? "" : tls.error().message));
  Server::Options options;
  options.tls = *tls;
  return serve(std::move(handler), options);
}

/// Of the connections from now on: they have it from the socket that listens at `port`.
void limit_send_buffer(std::uint16_t port) {
  for (int descriptor = 3; descriptor < 1024; ++descriptor) {
    int listens = 0;
    socklen_t size = sizeof listens;
    sockaddr_in address{};
    socklen_t address_size = sizeof address;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) continue;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &address_size);
    const int bytes = 4096;
    if (ntohs(address.sin_port) == port) ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
}

std::string https(std::uint16_t port) {
  return "https://127.0.0.1:" + std::to_string(port) + "/";
}

Client::Options trusting(const Files& files) {
  Client::Options options;
  options.also_trusted = files.certificate();
  return options;
}

/// A RawClient that speaks TLS.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, int version = TLS1_3_VERSION, int receive_buffer_bytes = 0)
      : socket_(port, receive_buffer_bytes), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_.get(), version);
    session_.reset(SSL_new(context_.get()));
    SSL_set_fd(session_.get(), socket_.descriptor());
    connected_ = SSL_connect(session_.get()) == 1;
  }
  bool connected() const { return connected_; }
  SSL* session() const { return session_.get(); }
  int descriptor() const { return socket_.descriptor(); }
  bool send(std::string_view bytes) {
    return SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
  }
  bool update_keys(int kind = SSL_KEY_UPDATE_NOT_REQUESTED) {
    return SSL_key_update(session_.get(), kind) == 1 && SSL_do_handshake(session_.get()) == 1;
  }
  /// What comes up to the next exclamation mark, the end of each answer here; less if nothing more comes.
  std::string receive_answer() {
    char buffer[16384];
    std::size_t end = 0;
    while ((end = received_.find('!', end)) == std::string::npos) {
      end = received_.size();
      const int count = SSL_read(session_.get(), buffer, sizeof buffer);
      if (count <= 0) return std::exchange(received_, {});
      received_.append(buffer, static_cast<std::size_t>(count));
    }
    std::string answer = received_.substr(0, end + 1);
    received_.erase(0, end + 1);
    return answer;
  }

 private:
  RawClient socket_;
  const Context context_;
  Session session_;
  bool connected_ = false;
  std::string received_;
};

/// Sends records without data until the other side ends the connection, or for `patience`.
struct Flood {
  static constexpr auto patience = 10s;
  std::atomic<long> sent{0};
  std::atomic<bool> cut{false};
  std::atomic<bool> over{false};

  void run(const std::function<bool()>& send_one) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!cut && std::chrono::steady_clock::now() < end) {
      if (send_one()) {
        ++sent;
      } else {
        cut = true;
      }
    }
    over = true;
  }
};

/// What a client sees beside one that sends such records to the same port.
void check_served_beside(const std::function<bool(TlsClient&)>& send_one) {
  const Files files;
  const auto server = serve_tls(files, [](Request&&, Reply reply) { reply.send(text("ok")); });
  const auto client = client_with(trusting(files));
  Flood flood;
  std::thread hostile([&] {
    TlsClient peer(server->port());
    flood.run([&] { return send_one(peer); });
  });
  CHECK(eventually([&] { return flood.sent > 2000 || flood.over; }));
  auto request = request_to(https(server->port()));
  request.timeout = 5s;
  const auto answer = client->send_and_wait(request);
  CHECK_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error().message));
  hostile.join();
  CHECK(flood.cut);
}

/// A server that answers with such records.
class FloodingPeer {
 public:
  FloodingPeer(const Files& files, int version, std::function<bool(SSL*)> send_one)
      : context_(SSL_CTX_new(TLS_server_method())),
        peer_([this, send_one = std::move(send_one)](PeerConnection& connection) {
          const Session session(SSL_new(context_.get()));
          SSL_set_fd(session.get(), connection.descriptor());
          if (SSL_accept(session.get()) != 1) return;
          char request[4096];
          if (SSL_read(session.get(), request, sizeof request) <= 0) return;
          // Of a ticket that cannot be sent OpenSSL says nothing.
          flood.run([&] { return send_one(session.get()) && !connection.has_ended(); });
        }) {
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_use_certificate(context_.get(), files.identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), files.identity.key.get());
  }
  std::uint16_t port() const { return peer_.port(); }
  Flood flood;

 private:
  const Context context_;
  RawPeer peer_;
};

/// What becomes of another call of a client that calls a server that answers with such records.
void check_calls_go_on(int version, const std::function<bool(SSL*)>& send_one) {
  const Files files;
  FloodingPeer peer(files, version, send_one);
  const auto other = serve([](Request&&, Reply reply) { reply.send(text("ok")); });
  const auto client = client_with(trusting(files));
  std::promise<Result<Response>> promise;
  auto flooded = request_to(https(peer.port()));
  flooded.timeout = 30s;
  client->send(flooded, [&](Result<Response> result) { promise.set_value(std::move(result)); });
  CHECK(eventually([&] { return peer.flood.sent > 300 || peer.flood.over; }));
  auto request = request_to(url(other->port()));
  request.timeout = 5s;
  const auto answer = client->send_and_wait(request);
  CHECK_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error().message));
  auto outcome = promise.get_future().get();
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::unavailable);
  CHECK_MESSAGE(outcome.error().message.find("too many TLS records without data") != std::string::npos,
                outcome.error().message);
  CHECK(eventually([&] { return peer.flood.over.load(); }));
  CHECK(peer.flood.cut);
}

}  // namespace

TEST_CASE("a TLS client that only updates its keys is cut, and the other clients are served") {
  check_served_beside([](TlsClient& peer) { return peer.update_keys(); });
  check_served_beside([](TlsClient& peer) { return peer.update_keys(SSL_KEY_UPDATE_REQUESTED); });
}

TEST_CASE("a TLS server that only updates its keys ends its call, and no other") {
  check_calls_go_on(TLS1_3_VERSION, [](SSL* session) {
    return SSL_key_update(session, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(session) == 1;
  });
}

TEST_CASE("a TLS server that sends session tickets without end ends its call, and no other") {
  check_calls_go_on(TLS1_3_VERSION, [](SSL* session) {
    return SSL_new_session_ticket(session) == 1 && SSL_do_handshake(session) == 1;
  });
}

TEST_CASE("a TLS 1.2 server that negotiates again without end ends its call, and no other") {
  check_calls_go_on(TLS1_2_VERSION,
                    [](SSL* session) { return SSL_renegotiate(session) == 1 && SSL_do_handshake(session) == 1; });
}

TEST_CASE("keys may be updated in the middle of bodies, and between requests") {
  const Files files;
  const auto server = serve_tls(
      files, [](Request&& request, Reply reply) { reply.send(text(std::to_string(request.body.size()) + "!")); });
  TlsClient client(server->port());
  REQUIRE(client.connected());
  const std::string body(8u << 20, 'b');
  const std::string_view bytes = body;
  for (int request = 0; request < 2; ++request) {
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    for (std::size_t at = 0; at < bytes.size(); at += 128u << 10) {
      CHECK(client.update_keys(at / (128u << 10) % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED));
      CHECK(client.send(bytes.substr(at, 128u << 10)));
    }
    CHECK(client.receive_answer().ends_with("8388608!"));
  }
}

TEST_CASE("an answer 100 that a full socket does not take costs the next answer no byte") {
  const Files files;
  const auto server = serve_tls(files, [&](Request&& request, Reply reply) {
    reply.send(text(std::string(std::strtoull(request.path.c_str() + 1, nullptr, 10), 'l') + "!"));
  });
  limit_send_buffer(server->port());
  TlsClient other(server->port());
  const auto wait_for_loop = [&] {  // until it has read what was sent, and most often answered it
    other.send(get("/0"));
    REQUIRE(other.receive_answer().ends_with("!"));
  };
  // Small answers until one does not fit: with one connection or another it is an answer 100.
  constexpr int k_requests = 40;
  for (std::size_t size = 0; size < 800; size += 20) {
    TlsClient client(server->port(), TLS1_3_VERSION, 4096);
    client.send(get("/" + std::to_string(size)));
    wait_for_loop();
    for (int i = 0; i < k_requests; ++i) {
      client.send("POST /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
      wait_for_loop();
      client.send("x");
      wait_for_loop();
    }
    CHECK(client.receive_answer().ends_with("!"));
    for (int i = 0; i < k_requests; ++i) {
      std::string answer = client.receive_answer();
      if (answer.starts_with(k_continue)) answer.erase(0, k_continue.size());
      REQUIRE_MESSAGE(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), answer);
    }
  }
}
