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

/// The way back to the client of one request. Move-only; may be used from any thread, once. If it is dropped unsent the
/// client gets 500. A reply to a client that has left is thrown away, never given to another.
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
/// Flow: 1. Pistache's event loop reads a request whole, within the limits, and hands it to the worker pool.
///       2. A worker calls the handler; the handler replies at once or keeps the Reply for later.
///       3. `stop` refuses new connections, waits for replies in flight up to `drain_timeout`, then closes.
class Server {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;                      ///< 0: any free one; `port()` tells
    int io_threads = 1;                          ///< event loops
    int workers = 8;                             ///< threads that run the handler
    std::size_t max_queued_requests = 1024;      ///< waiting for a worker; more get 429
    std::size_t max_body_bytes = 64u << 20;      ///< larger ones get 413
    std::size_t max_header_bytes = 64u << 10;    ///< larger ones get 431
    std::chrono::milliseconds drain_timeout{10'000};
    /// Body of the server's own errors (413, 429, 500 of a dropped reply ...), so that each port keeps its error shape.
    std::function<Response(int status, const std::string& message)> error_response;
  };
  using Handler = std::function<void(Request&&, Reply)>;

  static Result<std::unique_ptr<Server>> start(const Options& options, Handler handler);
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  /// Requests taken and not yet answered.
  virtual std::size_t in_flight() const = 0;
  virtual void stop() = 0;
};

}  // namespace sightline::http
