// The HTTP client: libcurl below.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::http {

struct ClientRequest {
  Method method = Method::get;
  std::string url;
  Headers headers;
  std::string body;
  std::chrono::milliseconds timeout{30'000};  ///< for the whole exchange; 0: none
};

/// Sends requests over pooled keep-alive connections.
/// Many requests run at once on one thread (curl multi); those over the limit wait in line, in order.
/// Redirects are not followed. Errors: unavailable (with `connection failed: ...`), deadline_exceeded, too_large (answer).
/// Thread safety: all members may be called from any thread. Callbacks run on the client's thread and must not block.
class Client {
 public:
  struct Options {
    int max_connections_per_host = 20;
    std::size_t max_response_bytes = 50u << 20;
    std::chrono::milliseconds connect_timeout{5'000};
    std::string ca_file;                         ///< PEM; empty: the system's
    std::string user_agent = "sightline/" SIGHTLINE_VERSION;
  };
  using Callback = std::function<void(Result<Response>)>;

  static Result<std::unique_ptr<Client>> create(const Options& options);
  virtual ~Client() = default;
  virtual void send(ClientRequest request, Callback callback) = 0;
  /// The same, waiting for the answer.
  Result<Response> send_and_wait(ClientRequest request);
};

}  // namespace sightline::http
