// The HTTP server: Pistache below, and nowhere else.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::http {

/// The way back to the client of one request. Move-only; may be used from any thread, once. If it is dropped
/// unsent the client gets 500. A reply to a client that has left is thrown away, never given to another.
class Reply {
 public:
  class Channel;
  explicit Reply(std::shared_ptr<Channel> channel);
  Reply(Reply&&) noexcept;
  Reply& operator=(Reply&&) noexcept;
  ~Reply();

  void send(Response response);
  /// True once the connection is gone: work for it is wasted.
  bool client_left() const;

 private:
  std::shared_ptr<Channel> channel_;
};

/// Serves one port.
///
/// Flow: 1. Pistache listens, accepts, and reads on its event loops; a request is cut out whole, within the
/// limits, and
///          put into the worker pool's queue. Nothing of ours but that happens in an event loop.
///       2. A worker undoes gzip and calls the handler; the handler replies at once or keeps the Reply for
///       later.
///          A handler that throws has its client answered with 500.
///       3. The reply goes to the event loop of its connection, which writes it as fast as the client reads.
///       4. `stop` closes idle connections and new ones, waits for replies in flight up to `drain_timeout`,
///       then closes
///          the rest. It also waits for handler calls that are running; call it from no handler.
/// One connection has one request in the handler at a time; requests sent ahead (pipelining) are served in
/// order, and past 64 KiB of them the connection is closed after the answer at hand.
class Server {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;                    ///< 0: any free one; `port()` tells
    int io_threads = 1;                        ///< event loops
    int workers = 8;                           ///< threads that run the handler
    std::size_t max_queued_requests = 1024;    ///< waiting for a worker; more get 429
    std::size_t max_body_bytes = 64u << 20;    ///< larger ones get 413
    std::size_t max_header_bytes = 64u << 10;  ///< larger ones get 431
    std::size_t max_buffered_bytes = 1u
                                     << 30;  ///< bodies not yet with the handler, all together; more get 429
    std::size_t max_connections = 1000;      ///< more are closed at once; kept below the limit on open files
    std::chrono::milliseconds idle_timeout{
        120'000};  ///< kept-alive connection without a request; clients pool for 60 s
    std::chrono::milliseconds receive_timeout{
        30'000};  ///< for a whole head, and between two pieces of a body: else 408
    std::chrono::milliseconds send_timeout{
        30'000};  ///< a client that reads nothing of its reply for so long is cut
    std::chrono::milliseconds drain_timeout{10'000};
    /// Body of the server's own errors (413, 429, 500 of a dropped reply ...), so that each port keeps its
    /// error shape. May be called from any thread. Empty: a short JSON object.
    std::function<Response(int status, const std::string& message)> error_response;
  };
  using Handler = std::function<void(Request&&, Reply)>;

  /// Errors: invalid_argument (host or options), unavailable (port taken, not allowed), both naming host and
  /// port.
  static Result<std::unique_ptr<Server>> start(const Options& options, Handler handler);
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  /// Requests taken whose Reply was neither sent nor dropped.
  virtual std::size_t in_flight() const = 0;
  virtual void stop() = 0;
};

}  // namespace sightline::http
