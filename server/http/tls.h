// TLS for the server's connections, by OpenSSL.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>

#include "base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sightline::http {

/// One connection's TLS. All calls return at once: the socket must be non-blocking. Not thread-safe.
class TlsSession {
 public:
  enum class Outcome {
    done,         ///< `count` bytes were read or written
    wants_read,   ///< again once the socket is readable
    wants_write,  ///< again once the socket is writable
    ended,        ///< the peer has said that it sends nothing more
    broken,       ///< the connection must be closed
    no_tls,       ///< what came is plain HTTP
  };
  struct Transfer {
    Outcome outcome = Outcome::broken;
    std::size_t count = 0;
  };

  /// `context` gives the certificate; `descriptor` stays the caller's.
  TlsSession(ssl_ctx_st* context, int descriptor);

  /// Reads or writes a part, after the handshake, which either begins.
  Transfer read(char* buffer, std::size_t size);
  Transfer write(const char* bytes, std::size_t size);
  bool established() const;
  /// Says to the peer, as far as the socket takes it, that nothing more is sent. A peer that misses it cannot
  /// take a broken answer for a whole one.
  void end();

 private:
  Transfer result(int returned, std::size_t count);

  struct Free {
    void operator()(ssl_st* session) const;
  };
  std::unique_ptr<ssl_st, Free> session_;
};

/// What a TLS server presents and demands: TLS 1.2 and 1.3, forward secrecy and authenticated encryption only, no
/// renegotiation, HTTP/1.1 by ALPN.
/// A write to a connection that is gone raises SIGPIPE: the process must ignore it, as sightline-server does.
/// Thread safety: all members may be called from any thread.
class TlsServer {
 public:
  struct Files {
    std::filesystem::path certificate;  ///< PEM: the server's certificate, then what it was signed by
    std::filesystem::path key;          ///< PEM, without a passphrase
    std::filesystem::path client_ca;    ///< PEM: clients need a certificate signed by one of these; empty: none
  };

  /// Errors: not_found, invalid_argument (no PEM, a key with a passphrase, a key of another certificate, an expired
  /// certificate), naming the file.
  static Result<std::shared_ptr<TlsServer>> create(Files files);

  /// Reads the files again, for connections from now on. On an error those before stay.
  Status reload();

  /// A session that accepts a client on `descriptor`.
  std::unique_ptr<TlsSession> accept(int descriptor);

 private:
  explicit TlsServer(Files files) : files_(std::move(files)) {}
  Result<std::shared_ptr<ssl_ctx_st>> load() const;

  const Files files_;
  std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace sightline::http
