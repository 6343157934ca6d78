// Calls to Cohere's API: their pace, their retries, and what their failures are for our own clients.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/timer.h"
#include "server/http/message.h"
#include "server/serving/upstream.h"

namespace sightline::cohere {

/// What is told of each call, for metrics. Any of them may be empty; they must not block.
struct CallEvents {
  /// An attempt ended: its status ("200", "429"), "timeout", or "broken" for a connection that failed.
  std::function<void(const std::string& outcome)> answered;
  std::function<void()> retried;
  /// How long a call waited for a free place and for the budget before it went out.
  std::function<void(double seconds)> waited;
};

/// Sends calls to Cohere's `POST /v2/embed`.
///
/// Flow: 1. `send` puts a call in line; queries go before documents.
///       2. It goes out when fewer than `concurrency` are out and the budget of the minute allows one more.
///          Only then is its body made. A call that nobody waits for any more is dropped.
///       3. 429, 5xx but 501, and connections that fail are tried again, `max_attempts` in all: after the
///       time
///          that Retry-After asks for, else after a wait that doubles. What cannot be tried again before the
///          deadline fails at once.
///       4. Else the failure goes to the caller: 4xx with Cohere's status and words; 503 and 504 as they are,
///          other 5xx, and what is no answer at all, as 502; no answer in time as 504.
/// The key stands in the call's field Authorization and nowhere else; a message that repeats it is cleaned of
/// it.
/// Thread safety: all members may be called from any thread. Callbacks run on a thread of the client's, of
/// the timer's, or within `send`; they must not block.
class CohereClient {
 public:
  struct Options {
    std::string url =
        "https://api.cohere.com";  ///< scheme, host, and a path before /v2/embed if there is one
    int concurrency = 8;           ///< calls out at once
    int calls_per_minute = 0;      ///< attempts count; 0: no limit
    std::chrono::milliseconds call_timeout{30'000};  ///< of one attempt
    int max_attempts = 5;
    /// Bound of the first wait; doubles. Waits lie in its upper half.
    std::chrono::milliseconds retry_delay{500};
    std::chrono::milliseconds max_retry_delay{8'000};
    std::chrono::seconds longest_retry_after{60};  ///< who asks for more is not tried again
    std::function<double()> random;                ///< in [0, 1), places a wait in its range
    CallEvents events;
  };
  struct Call {
    std::string key;
    std::function<std::string()> body;  ///< called for each attempt
    serving::EmbedOptions options;      ///< lane, deadline and cancellation count here
  };
  /// The body of an answer of status 2xx, or why there is none.
  using Callback = std::function<void(Result<std::string, serving::UpstreamFailure>)>;

  /// `timer` must outlive the client. Errors: invalid_argument (URL, limits).
  static Result<std::unique_ptr<CohereClient>> create(Options options, Timer& timer);
  ~CohereClient();

  void send(Call call, Callback done);
  /// Ends all calls, and every later one, with 503.
  void shut_down();

 private:
  struct Core;
  explicit CohereClient(std::shared_ptr<Core> core);
  const std::shared_ptr<Core> core_;
};

}  // namespace sightline::cohere
