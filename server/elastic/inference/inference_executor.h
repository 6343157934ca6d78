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
#include "server/http/buffer_budget.h"
#include "server/http/client.h"
#include "server/http/outbound_calls.h"

namespace sightline::elastic {

constexpr int k_most_hops = 3;

/// 429 for a request that would be one too many to wait for the network.
ElasticError too_many_waiting();

/// Runs inference calls: one HTTP request per call, all its inputs in one list.
///
/// Flow: 1. `infer` gets URL and headers from the endpoint's service, and starts an http::OutboundCalls::Call in the
///          line of endpoints with equal settings. The line holds `queue_capacity` calls (429
///          es_rejected_execution_exception above).
///       2. A call is sent when its server has a free connection and its endpoint's rate limit allows one more.
///       3. What the service calls retryable, and I/O errors, are retried; where the texts are too long, with half
///          of them. The rest becomes an error as Elasticsearch words it.
///       4. The service reads the vectors; their number must be that of the inputs.
/// A call carries the number of calls that it is made within (k_hops_header), and one that is made within
/// `k_most_hops` is refused: an endpoint that calls this server must not call itself for ever.
/// The callback is called once, from any thread; it must not block. After it the texts of the input are not
/// read any more. Thread safety: all members may be called from any thread.
class InferenceExecutor {
 public:
  struct Options {
    std::size_t queue_capacity = 2000;  ///< xpack.inference.http.request_executor.queue_capacity; 0: no limit
    http::RetryPolicy retry;
    std::chrono::milliseconds retry_timeout{30'000};  ///< no more attempts after that, counted from `infer`
    /// Of one HTTP call, and of the timeouts that are asked for.
    std::chrono::milliseconds longest_call = Limits().max_inference_timeout;
    /// What the bodies of all calls together may be larger than their inputs, which a template can repeat: 429 above.
    std::size_t max_growth_bytes = 256u << 20;
    /// True for URLs of this server's own inference port: only these get the ids of an input. Empty: for none.
    std::function<bool(const std::string& url)> is_own_url;
  };
  using Callback = std::function<void(Answer<Embeddings>)>;

  /// `client` and `timer` must outlive the executor.
  InferenceExecutor(http::Client& client, Timer& timer, Options options);

  /// `timeout` covers waiting in line and all attempts; 0: none, but each attempt has `longest_call`. The
  /// texts must stay until the callback. The call ends when the current thread's work is cancelled.
  void infer(std::shared_ptr<const Endpoint> endpoint, InferenceInput input, std::chrono::milliseconds timeout,
             Callback callback);
  /// The same, waiting for the outcome in a NetworkWait: 429 where too many wait. Throws WorkCancelled.
  Answer<Embeddings> infer_and_wait(std::shared_ptr<const Endpoint> endpoint, InferenceInput input,
                                    std::chrono::milliseconds timeout);
  std::chrono::milliseconds longest_call() const { return options_->longest_call; }
  /// Ends all calls now, and every later one, with 503. For stopping the server.
  void shut_down() { calls_.shut_down(); }

 private:
  const std::shared_ptr<const Options> options_;  // calls may outlive this object
  Timer& timer_;
  const std::shared_ptr<http::BufferBudget> growth_;
  http::OutboundCalls calls_;
};

}  // namespace sightline::elastic
