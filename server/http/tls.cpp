#include "server/http/tls.h"

#include <array>
#include <cstring>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string>

#include "base/readable_file.h"
#include "server/http/tls_records.h"

namespace sightline::http {
namespace {

/// Of TLS 1.2; all suites of TLS 1.3 are good. Mozilla's "intermediate" profile without DHE.
constexpr const char* k_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

Error invalid(const std::filesystem::path& file, const std::string& what) {
  return {ErrorCode::invalid_argument, file.string() + ": " + what};
}

/// The latest reason that OpenSSL has; its queue is empty afterwards.
std::string reason() {
  const char* const text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text ? text : "unknown reason";
}

Status readable(const std::filesystem::path& file) {
  const std::string trouble = trouble_reading(file);
  return trouble.empty() ? Status() : Error{ErrorCode::not_found, file.string() + ": " + trouble};
}

/// Without it OpenSSL would ask at the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                    unsigned int offered_length, void*) {
  static constexpr unsigned char k_http_1_1[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, length, k_http_1_1, sizeof k_http_1_1 - 1, offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;  // a client that names another protocol is answered in HTTP/1.1 all the same
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

/// Expired or not yet valid.
std::string trouble_with_dates(const X509* certificate) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) return "the certificate has expired";
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) return "the certificate is not valid yet";
  return {};
}

Status use_certificate(SSL_CTX* context, const TlsServer::Files& files) {
  for (const auto& file : {files.certificate, files.key}) {
    if (Status good = readable(file); !good) return good;
  }
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return invalid(files.certificate, "no certificate in PEM (" + reason() + ")");
  if (const std::string trouble = trouble_with_dates(SSL_CTX_get0_certificate(context)); !trouble.empty())
    return invalid(files.certificate, trouble);
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string why = reason();
    return invalid(files.key, other ? "not the key of the certificate " + files.certificate.string()
                                    : "no private key in PEM without a passphrase (" + why + ")");
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return invalid(files.key, "not the key of the certificate " + files.certificate.string());
  }
  return {};
}

/// Clients need a certificate. No session is resumed: the certificate is checked each time.
Status demand_certificates(SSL_CTX* context, const std::filesystem::path& authorities) {
  if (Status good = readable(authorities); !good) return good;
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(authorities.c_str());
  if (!names || SSL_CTX_load_verify_locations(context, authorities.c_str(), nullptr) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return invalid(authorities, "no certificate in PEM (" + reason() + ")");
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  return {};
}

}  // namespace

TlsSession::TlsSession(ssl_ctx_st* context, int descriptor) : session_(SSL_new(context)) {
  if (!session_ || SSL_set_fd(session_.get(), descriptor) != 1) {
    ERR_clear_error();
    throw std::bad_alloc();
  }
  SSL_set_accept_state(session_.get());
}

void TlsSession::Free::operator()(ssl_st* session) const {
  SSL_free(session);
}

TlsSession::Transfer TlsSession::read(char* buffer, std::size_t size) {
  std::size_t count = 0;
  ERR_clear_error();
  const int returned = SSL_read_ex(session_.get(), buffer, size, &count);
  return result(returned, count);
}

TlsSession::Transfer TlsSession::write(const char* bytes, std::size_t size) {
  std::size_t count = 0;
  ERR_clear_error();
  const int returned = SSL_write_ex(session_.get(), bytes, size, &count);
  return result(returned, count);
}

TlsSession::Transfer TlsSession::result(int returned, std::size_t count) {
  if (returned == 1) return {Outcome::done, count};
  switch (SSL_get_error(session_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return {Outcome::wants_read};
    case SSL_ERROR_WANT_WRITE:
      return {Outcome::wants_write};
    case SSL_ERROR_ZERO_RETURN:
      return {Outcome::ended};
    default:
      break;
  }
  const bool plain = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
  ERR_clear_error();
  return {plain ? Outcome::no_tls : Outcome::broken};
}

bool TlsSession::established() const {
  return SSL_is_init_finished(session_.get()) == 1;
}

void TlsSession::end() {
  if (!established()) return;
  SSL_shutdown(session_.get());
  ERR_clear_error();
}

Result<std::shared_ptr<TlsServer>> TlsServer::create(Files files) {
  std::shared_ptr<TlsServer> server(new TlsServer(std::move(files)));
  if (const Status loaded = server->reload(); !loaded) return loaded.error();
  return server;
}

Status TlsServer::reload() {
  auto loaded = load();
  if (!loaded) return loaded.error();
  const std::lock_guard lock(mutex_);
  context_ = *std::move(loaded);
  return {};
}

std::unique_ptr<TlsSession> TlsServer::accept(int descriptor) {
  const std::lock_guard lock(mutex_);
  return std::make_unique<TlsSession>(context_.get(), descriptor);  // the session keeps its context alive
}

Result<std::shared_ptr<ssl_ctx_st>> TlsServer::load() const {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return Error{ErrorCode::internal, "no memory for TLS: " + reason()};
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), k_ciphers);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A part is written as far as the socket takes it, and the rest may lie elsewhere by then; idle connections hold no
  // buffers.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  limit_records_without_data(context.get());
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  static constexpr unsigned char k_sessions[] = "sightline";
  SSL_CTX_set_session_id_context(context.get(), k_sessions, sizeof k_sessions - 1);
  if (const Status good = use_certificate(context.get(), files_); !good) return good.error();
  if (!files_.client_ca.empty()) {
    if (const Status good = demand_certificates(context.get(), files_.client_ca); !good) return good.error();
  }
  return context;
}

}  // namespace sightline::http
