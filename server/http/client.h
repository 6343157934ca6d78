// The HTTP client: libcurl below.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/cancellation.h"
#include "base/result.h"
#include "server/http/message.h"

struct sockaddr;

namespace sightline::http {

struct ClientRequest {
  Method method = Method::get;
  std::string url;
  Headers headers;
  std::string body;
  /// From `send` to the answer's last byte, from `stream` to the end of its head; includes the wait in the queue.
  /// 0: none.
  std::chrono::milliseconds timeout{30'000};
  /// Only for `stream`: maximum time without data after the head while the call is not paused. 0: no limit.
  std::chrono::milliseconds silence_timeout{30'000};
  /// Ends the call when it is cancelled: its connection is closed, and the error is `cancelled`. May be null.
  std::shared_ptr<Cancellation> cancellation = {};
  /// Called before the end of a call that ends while the name of its host is looked up. The look-up goes on, with a
  /// thread and a socket, until the name servers answer or the system's resolver gives up. On the client's thread; must
  /// not block. May be empty.
  std::function<void()> lookup_left = {};
};

/// Callbacks of one streamed call, on the client's thread. They must not block and must not destroy the
/// client; they may start other requests. They may run before `stream` has returned.
struct StreamHandlers {
  /// Once, before any of the body; 1xx answers are skipped.
  std::function<void(ResponseHead)> head;
  /// Each piece of the body (without chunked framing, Content-Encoding unchanged). False: no more after this one
  /// until `resume`.
  std::function<bool(std::string_view)> body;
  /// Once, and last. An error after `head`: the answer is incomplete.
  std::function<void(Status)> done;
};

/// A streamed call under way. Thread safety: all members may be called from any thread, and do nothing after
/// the end. Its destruction ends nothing.
class StreamedCall {
 public:
  virtual ~StreamedCall() = default;
  /// Resumes after `body` returned false. May be called before `body` has returned.
  virtual void resume() = 0;
};

/// Sends requests over pooled keep-alive connections.
///
/// Many requests run at once on one thread (curl multi); those over the limit of their host are queued, in
/// order. Any status is an answer. Redirects are not followed, only http and https are spoken, and HTTP/1.1;
/// the environment's proxies are not used, a Content-Encoding is kept.
///
/// A request's fields are sent unchanged and in order. Only Host and User-Agent are added, if the
/// request has none, and Content-Length: for POST, PUT and PATCH always, for others if there is a body.
/// Fields of the connection (`is_connection_field`, Content-Length, and those that Connection names, unless it
/// names what a message cannot do without, as Authorization or Content-Type) and Expect, which costs a second
/// at servers that ignore it, are left out. HEAD sends no body.
///
/// A request is retried automatically only if nothing of it can have been read: a GET, HEAD or OPTIONS on a
/// reused connection that turns out to be closed, or any whose first byte was not sent.
///
/// Errors: invalid_argument (URL, header); unreachable (`connection failed: ...`, no byte of the request was
/// sent: retrying is safe) and unavailable (`connection failed: ...` later, or half an answer: it may
/// have been processed); deadline_exceeded; too_large (the answer); cancelled (also: the client was
/// destroyed first).
/// Thread safety: all members may be called from any thread. Callbacks run on the client's thread (within
/// `send` for what was cancelled before it), each exactly once, and must not block; they may call `send`, but
/// must not destroy the client.
class Client {
 public:
  struct Options {
    int max_connections_per_host = 20;  ///< and requests at once
    /// Of the body; the head may have 256 KiB. A streamed body has no limit.
    std::size_t max_response_bytes = 50u << 20;
    std::chrono::milliseconds connect_timeout{5'000};
    std::string ca_file;  ///< PEM; empty: the system's
    /// SHA-256 of a certificate, 64 hexadecimal digits with or without colons, as Elasticsearch prints that
    /// of its CA when it first starts. A server is then trusted if the chain that it presents verifies up to
    /// a certificate with this fingerprint (the CA's, or the server's own) and names the host. Takes the
    /// place of `ca_file` and of the system's.
    std::string ca_fingerprint;
    /// PEM file of certificates that are trusted besides `ca_file` or the system's, a server's own among them. Read
    /// for each connection.
    std::string also_trusted;
    /// Judges each address before a connection to it is opened; after an error another address of the host is tried,
    /// and if there is none the call ends with that error. Called on the client's thread; may be empty.
    std::function<Status(const sockaddr& address)> check_address;
    std::string user_agent = "sightline/" SIGHTLINE_VERSION;  ///< empty: none
  };
  using Callback = std::function<void(Result<Response>)>;

  /// Errors: invalid_argument (limits, fingerprint); those of check_ca_file.
  static Result<std::unique_ptr<Client>> create(const Options& options);
  virtual ~Client() = default;
  virtual int max_connections_per_host() const = 0;
  virtual void send(ClientRequest request, Callback callback) = 0;
  /// Passes on the answer piece by piece.
  virtual std::shared_ptr<StreamedCall> stream(ClientRequest request, StreamHandlers handlers) = 0;
  /// The same, waiting for the answer; not from a callback.
  Result<Response> send_and_wait(ClientRequest request);
};

}  // namespace sightline::http
