// Sends inference requests to endpoints, as Elasticsearch's inference plugin does.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/timer.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/embedding_answer.h"
#include "server/elastic/inference/endpoint.h"
#include "server/elastic/inference/inference_input.h"
#include "server/elastic/limits.h"
#include "server/http/client.h"

namespace sightline::elastic {

constexpr int k_most_hops = 3;

/// 429 for a request that would be one too many to wait for the network.
ElasticError too_many_waiting();

/// Runs inference calls: one HTTP request a call, all its inputs in one list.
///
/// Flow: 1. `infer` asks the endpoint's service for URL and headers and puts the call in line, or refuses it:
///          the line of endpoints with equal settings holds `queue_capacity` calls (429
///          es_rejected_execution_exception above).
///       2. A call leaves the line when its route (scheme, host and port) has a free connection and its
///          endpoint's rate limit allows one more. Lines take turns, so a query does not wait behind a whole
///          bulk.
///       3. Only then its body is made, so that waiting calls do not hold their pictures twice.
///       4. What the service calls retryable, and I/O errors, are sent again, `max_attempts` in all; where
///       the
///          texts are too long, with half of them. The rest becomes an error as Elasticsearch words it.
///       5. The service reads the vectors; their number must be that of the inputs.
/// A call tells how many others it is made within (k_hops_header), and one that is made within `k_most_hops`
/// is refused: an endpoint that calls this server must not call itself for ever.
/// The callback is called once, from any thread; it must not block. After it the texts of the input are not
/// read any more. Thread safety: all members may be called from any thread.
class InferenceExecutor {
 public:
  struct Options {
    int max_connections_per_route = 20;  ///< xpack.inference.http.max_route_connections
    std::size_t queue_capacity = 2000;  ///< xpack.inference.http.request_executor.queue_capacity; 0: no limit
    int max_attempts = 3;
    std::chrono::milliseconds retry_delay{
        1'000};  ///< bound of the first wait; doubles. Waits lie in its upper half
    std::chrono::milliseconds max_retry_delay{5'000};
    std::chrono::milliseconds retry_timeout{30'000};  ///< no more attempts after that, counted from the first
    /// Of one HTTP call, and of the timeouts that are asked for.
    std::chrono::milliseconds longest_call = Limits().max_inference_timeout;
    /// Number in [0, 1) that places a wait in its range.
    std::function<double()> random;
  };
  using Callback = std::function<void(Answer<Embeddings>)>;

  /// `client` and `timer` must outlive the executor; the client must be gone before the executor if it still
  /// has requests of it.
  InferenceExecutor(http::Client& client, Timer& timer, Options options);
  ~InferenceExecutor();

  /// `timeout` covers waiting in line and all attempts; 0: none, but each attempt has `longest_call`. The
  /// texts must stay until the callback. The call ends when the current thread's work is cancelled.
  void infer(std::shared_ptr<const Endpoint> endpoint, InferenceInput input,
             std::chrono::milliseconds timeout, Callback callback);
  /// The same, waiting for the outcome in a NetworkWait: 429 where too many wait. Throws WorkCancelled.
  Answer<Embeddings> infer_and_wait(std::shared_ptr<const Endpoint> endpoint, InferenceInput input,
                                    std::chrono::milliseconds timeout);
  std::chrono::milliseconds longest_call() const;
  /// Ends all calls now, and every later one, with 503. For stopping the server.
  void shut_down();

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace sightline::elastic
