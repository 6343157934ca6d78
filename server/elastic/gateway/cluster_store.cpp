#include "server/elastic/gateway/cluster_store.h"

#include <future>
#include <utility>

#include "base/cancellation.h"
#include "base/request_trace.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/rest/json_bounds.h"
#include "server/http/network_wait.h"

namespace sightline::elastic {
namespace {

using std::chrono::milliseconds;

constexpr int k_most_connections = 128;  // several for each worker: parts of one request are sent at once
constexpr std::size_t k_largest_answer = 200u << 20;
/// If the operator sets no time: nothing else would end a call of ours, and a worker waits for it.
constexpr milliseconds k_longest_call{600'000};

void wait_for(Timer& timer, milliseconds time) {
  const auto over = std::make_shared<std::promise<void>>();
  timer.run_at(timer.now() + time, [over] { over->set_value(); });
  over->get_future().wait();
}

}  // namespace

Result<std::unique_ptr<ClusterStore>> ClusterStore::create(std::shared_ptr<Cluster> cluster, Timer& timer,
                                                           const Limits& limits) {
  auto client = cluster->connect(k_most_connections, k_largest_answer);
  if (!client) return client.error();
  return std::unique_ptr<ClusterStore>(new ClusterStore(std::move(cluster), timer, limits, *std::move(client)));
}

void ClusterStore::shut_down() {
  const std::lock_guard lock(waiting_->mutex);
  waiting_->stopped = true;
  waiting_->changed.notify_all();
}

/// Waits for the answer, or for `shut_down`. Throws WorkCancelled.
Result<http::Response> ClusterStore::call(http::ClientRequest request) {
  request.cancellation = current_cancellation();
  auto answer = std::make_shared<std::optional<Result<http::Response>>>();
  client_->send(std::move(request), [waiting = waiting_, answer](Result<http::Response> arrived) {
    const std::lock_guard lock(waiting->mutex);
    answer->emplace(std::move(arrived));
    waiting->changed.notify_all();
  });
  std::unique_lock lock(waiting_->mutex);
  waiting_->changed.wait(lock, [&] { return answer->has_value() || waiting_->stopped; });
  check_cancelled();
  if (answer->has_value()) return *std::move(*answer);
  return Error{ErrorCode::cancelled, "the server is stopping"};
}

http::Response ClusterStore::handle(const http::Request& request) {
  const StageSpan stage(current_trace(), Stage::store);
  const http::NetworkWait network;
  if (!network.granted()) return too_many_waiting().response();
  const http::NetworkWait::Lent lent(network);
  const auto begun = timer_.now();
  for (int attempts = 1;; ++attempts) {
    http::ClientRequest sent = cluster_->request_for(request);
    sent.headers.remove("Accept-Encoding");  // the answer is for us, who read no gzip
    sent.timeout = cluster_->timeout().count() > 0 ? cluster_->timeout() : k_longest_call;
    auto answer = call(std::move(sent));
    if (answer) {
      if (auto fault = rest::answer_bounds_fault(answer->body, limits_))
        return cluster_->failure(Error{ErrorCode::too_large, *std::move(fault)}).response();
      return *std::move(answer);
    }
    const auto spent = std::chrono::duration_cast<milliseconds>(timer_.now() - begun);
    const auto wait = cluster_->wait_before_retry(answer.error(), request.method, attempts, spent);
    if (!wait) return cluster_->failure(answer.error()).response();
    wait_for(timer_, *wait);
  }
}

}  // namespace sightline::elastic
