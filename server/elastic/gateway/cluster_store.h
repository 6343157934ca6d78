// A cluster as a store: for the front's own requests.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "server/elastic/gateway/cluster.h"
#include "server/elastic/limits.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Answers each request by one of the cluster, held whole. What the cluster answers, errors too, is the
/// answer; what prevents an answer becomes `Cluster::failure`. So does an answer that would become more
/// JSON values than a whole bulk may: the front reads what it requests.
class ClusterStore final : public Store {
 public:
  /// Errors: those of Cluster::connect. `timer` must outlive the store.
  static Result<std::unique_ptr<ClusterStore>> create(std::shared_ptr<Cluster> cluster, Timer& timer,
                                                      const Limits& limits = {});

  http::Response handle(const http::Request& request) override;
  bool runs_pipelines() const override { return true; }
  /// Ends all calls now, and every later one, with 503.
  void shut_down();

 private:
  ClusterStore(std::shared_ptr<Cluster> cluster, Timer& timer, const Limits& limits,
               std::unique_ptr<http::Client> client)
      : cluster_(std::move(cluster)), timer_(timer), limits_(limits), client_(std::move(client)) {}

  const std::shared_ptr<Cluster> cluster_;
  Timer& timer_;
  const Limits limits_;
  Result<http::Response> call(http::ClientRequest request);

  /// Shared with the calls' callbacks, which may come after the caller has gone.
  struct Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    bool stopped = false;
  };
  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
  const std::unique_ptr<http::Client> client_;
};

}  // namespace sightline::elastic
