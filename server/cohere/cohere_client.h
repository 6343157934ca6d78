// Calls to Cohere's API: their pace, their retries, and what their failures are for our own clients.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/timer.h"
#include "server/http/client.h"
#include "server/http/outbound_calls.h"
#include "server/serving/upstream.h"

namespace sightline::cohere {

/// Sends calls to Cohere's `POST /v2/embed`.
///
/// Flow: 1. `send` starts an http::OutboundCalls::Call; queries go before documents.
///       2. It is sent when fewer than `concurrency` are out and the budgets of the minute allow one more, of so many
///          pictures. Only then its body is made.
///       3. 429, 5xx but 501, and connections that fail are retried: after the time that Retry-After asks for, else
///          after a wait that doubles. What cannot be retried before the deadline fails at once.
///       4. Else the failure goes to the caller: 4xx with Cohere's status and words; 503 and 504 unchanged, other
///          5xx, and what is no answer at all, as 502; no answer in time as 504.
/// The key is sent in the field Authorization and nowhere else; it is removed from a message that repeats it.
/// Thread safety: all members may be called from any thread. Callbacks run as those of http::OutboundCalls.
class CohereClient {
 public:
  struct Options {
    std::string url = "https://api.cohere.com";      ///< scheme, host, and a path before /v2/embed if there is one
    int concurrency = 8;                             ///< calls out at once
    int calls_per_minute = 0;                        ///< attempts count; 0: no limit
    int pictures_per_minute = 0;                     ///< those of attempts count; 0: no limit
    std::chrono::milliseconds call_timeout{30'000};  ///< of one attempt
    http::RetryPolicy retry{5, std::chrono::milliseconds(500), std::chrono::milliseconds(8'000)};
    std::chrono::seconds longest_retry_after{60};  ///< a call for which Cohere asks more is not retried
    http::OutboundCalls::Events events;
  };
  struct Call {
    std::string key;
    std::function<std::optional<std::string>()> body;  ///< called for each attempt; nothing: nobody waits any more
    serving::EmbedOptions options;                     ///< lane, deadline and cancellation count here
    std::size_t pictures = 0;                          ///< that are in it
  };
  /// The body of an answer of status 2xx, or why there is none.
  using Callback = std::function<void(Result<std::string, serving::UpstreamFailure>)>;

  /// `timer` must outlive the client. Errors: invalid_argument (URL, limits).
  static Result<std::unique_ptr<CohereClient>> create(Options options, Timer& timer);

  void send(Call call, Callback done);
  /// Ends all calls, and every later one, with 503.
  void shut_down() { calls_.shut_down(); }

 private:
  CohereClient(Options options, std::unique_ptr<http::Client> client, Timer& timer);
  const std::shared_ptr<const Options> options_;  // calls may outlive this object
  const std::unique_ptr<http::Client> client_;
  http::OutboundCalls calls_;
};

}  // namespace sightline::cohere
