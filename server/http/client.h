// The HTTP client: libcurl below.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
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
  std::chrono::milliseconds timeout{
      30'000};  ///< from `send` to the answer's last byte, the wait in line too; 0: none
};

/// Sends requests over pooled keep-alive connections.
/// Many requests run at once on one thread (curl multi); those over the limit of their host wait in line, in
/// order. Any status is an answer. Redirects are not followed, only http and https are spoken, the
/// environment's proxies are not used, a Content-Encoding is left as it came. `Expect` is never sent: it
/// costs a second at servers that ignore it. Errors: invalid_argument (URL, header), unavailable (`connection
/// failed: ...`), deadline_exceeded, too_large (answer), cancelled (the client was destroyed first). Thread
/// safety: all members may be called from any thread. Callbacks run on the client's thread, each exactly
/// once, and must not block; they may call `send`, but must not destroy the client.
class Client {
 public:
  struct Options {
    int max_connections_per_host = 20;           ///< and requests at once
    std::size_t max_response_bytes = 50u << 20;  ///< of the body; the head may have 256 KiB
    std::chrono::milliseconds connect_timeout{5'000};
    std::string ca_file;  ///< PEM; empty: the system's
    std::string user_agent = "sightline/" SIGHTLINE_VERSION;
  };
  using Callback = std::function<void(Result<Response>)>;

  static Result<std::unique_ptr<Client>> create(const Options& options);
  virtual ~Client() = default;
  virtual void send(ClientRequest request, Callback callback) = 0;
  /// The same, waiting for the answer; not from a callback.
  Result<Response> send_and_wait(ClientRequest request);
};

}  // namespace sightline::http
