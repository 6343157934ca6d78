// Trust by the fingerprint of a certificate, against TLS servers with certificates made here.
#include "server/http/trust_anchor.h"

#include <array>
#include <atomic>
#include <doctest/doctest.h>
#include <fstream>
#include <openssl/ssl.h>
#include <vector>

#include "tests/base/temporary_folder.h"
#include "tests/http/certificates.h"
#include "tests/http/raw_peer.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;

namespace {

std::string fingerprint(const Identity& identity, bool as_elasticsearch_prints = true) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  X509_digest(identity.certificate.get(), EVP_sha256(), digest.data(), &size);
  std::string hex;
  for (const unsigned char byte : digest) {
    char digits[4];
    std::snprintf(digits, sizeof digits, as_elasticsearch_prints ? "%02x" : ":%02X", byte);
    hex += digits;
  }
  return as_elasticsearch_prints ? hex : hex.substr(1);
}

/// Answers "trusted" over TLS, as `server`, presenting `chain` after its own certificate.
class TlsPeer {
 public:
  TlsPeer(const Identity& server, const std::vector<const Identity*>& chain)
      : context_(SSL_CTX_new(TLS_server_method())), peer_([this](PeerConnection& connection) {
          const Session session(SSL_new(context_.get()));
          SSL_set_fd(session.get(), connection.descriptor());
          if (SSL_accept(session.get()) != 1) return;
          char request[4096];
          if (SSL_read(session.get(), request, sizeof request) <= 0) return;
          ++requests;
          const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ntrusted";
          SSL_write(session.get(), answer.data(), static_cast<int>(answer.size()));
          SSL_shutdown(session.get());
        }) {
    SSL_CTX_use_certificate(context_.get(), server.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), server.key.get());
    for (const auto* identity : chain) {
      X509_up_ref(identity->certificate.get());
      SSL_CTX_add_extra_chain_cert(context_.get(), identity->certificate.get());
    }
  }
  /// What comes of asking it with that fingerprint.
  Result<Response> ask(const std::string& ca_fingerprint) {
    Client::Options options;
    options.ca_fingerprint = ca_fingerprint;
    return client_with(options)->send_and_wait(request_to("https://127.0.0.1:" + std::to_string(peer_.port()) + "/"));
  }
  std::atomic<int> requests{0};

 private:
  const Context context_;
  RawPeer peer_;
};

void check_refused(TlsPeer& peer, const std::string& ca_fingerprint, const char* word) {
  const auto answer = peer.ask(ca_fingerprint);
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::unreachable);
  CHECK_MESSAGE(answer.error().message.find(word) != std::string::npos, answer.error().message);
  CHECK(peer.requests == 0);
}

}  // namespace

TEST_CASE("a fingerprint of the CA, or of the server's own certificate, is enough to trust a server") {
  const Identity ca = make_identity("Elasticsearch HTTP CA", nullptr, nullptr);
  const Identity node = make_identity("node-1", &ca, "IP:127.0.0.1,DNS:localhost");
  TlsPeer peer(node, {&ca});
  for (const auto& known : {fingerprint(ca), fingerprint(ca, false), fingerprint(node)}) {
    const auto answer = peer.ask(known);
    REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error().message));
    CHECK(answer->body == "trusted");
  }
  const Identity alone = make_identity("self", nullptr, "IP:127.0.0.1");
  CHECK(TlsPeer(alone, {}).ask(fingerprint(alone)).ok());
}

TEST_CASE("without a certificate of the fingerprint, or a chain up to it, nothing is sent") {
  const Identity ca = make_identity("CA", nullptr, nullptr);
  const Identity other = make_identity("CA", nullptr, nullptr);  // of the same name
  const Identity node = make_identity("node-1", &ca, "IP:127.0.0.1");
  const Identity impostor = make_identity("node-1", &other, "IP:127.0.0.1");

  TlsPeer true_peer(node, {&ca});
  check_refused(true_peer, fingerprint(other), "fingerprint");
  check_refused(true_peer, "", "set the certificate of the CA");  // the system does not know it
  TlsPeer without_ca(node, {});
  check_refused(without_ca, fingerprint(ca), "fingerprint");
  // Whoever has no key of the CA can still present its certificate.
  TlsPeer false_chain(impostor, {&ca});
  check_refused(false_chain, fingerprint(ca), "fingerprint");
  TlsPeer false_chain_of_two(impostor, {&other, &ca});
  check_refused(false_chain_of_two, fingerprint(ca), "fingerprint");
}

TEST_CASE("a trusted certificate of another host is refused") {
  const Identity ca = make_identity("CA", nullptr, nullptr);
  const Identity node = make_identity("node-1", &ca, "IP:127.0.0.2,DNS:elsewhere.example");
  TlsPeer peer(node, {&ca});
  check_refused(peer, fingerprint(ca), "use a host name");
  check_refused(peer, fingerprint(node), "use a host name");
}

TEST_CASE("what is no fingerprint is refused before anything is sent") {
  const std::string right(64, 'a');
  for (const std::string& wrong : {right.substr(1), right + "a", right.substr(1) + "g", ":" + right, right + ":",
                                   "a:" + right.substr(1), std::string("sha256")}) {
    Client::Options options;
    options.ca_fingerprint = wrong;
    const auto client = Client::create(options);
    REQUIRE_MESSAGE(!client.ok(), wrong);
    CHECK(client.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("a certificate file that cannot be used is refused by name, before anything is sent") {
  const TemporaryFolder folder;
  const auto none = folder.path() / "none.crt";
  CHECK(check_ca_file(none).error().message ==
        "cannot read the certificate file " + none.string() + ": No such file or directory");
  CHECK(check_ca_file(folder.path()).error().message.find("it is a folder") != std::string::npos);
  const auto file = folder.path() / "ca.crt";
  std::ofstream(file) << "no certificate";
  CHECK(check_ca_file(file).error().code == ErrorCode::corrupt_data);
  Client::Options options;
  options.ca_file = file.string();
  CHECK(Client::create(options).error().message.find("holds no certificate in PEM") != std::string::npos);
}
