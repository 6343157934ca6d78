// A real cluster behind the front.
#pragma once

#include <memory>
#include <string>

#include "server/elastic/backend.h"
#include "server/elastic/gateway/cluster.h"
#include "server/elastic/gateway/cluster_probe.h"
#include "server/elastic/gateway/cluster_store.h"
#include "server/elastic/gateway/pass_through.h"
#include "server/elastic/outcome.h"
#include "server/elastic/rest/rest_layer.h"

namespace sightline::elastic {

/// Puts the parts of a gateway together: what the front requests of the cluster goes through `store()` and
/// `native()`, what the front leaves alone passes through. `GET /_sightline/gateway` shows what is done
/// where. Thread safety: all members may be called from any thread.
class Gateway final : public Backend {
 public:
  /// Errors: those of Cluster::create and Cluster::connect; the cluster need not be up. `timer` must outlive
  /// the gateway.
  static Result<std::unique_ptr<Gateway>> create(Cluster::Options options, GatewayMode mode, Timer& timer,
                                                 const Limits& limits);

  Store& store() override { return *store_; }
  NativeInference& native() override { return probe_; }
  void handle(Front& front, http::Request request, http::Reply reply) override;
  http::Response ask(Front& front, http::Request request) override;
  void look_behind() override { probe_.findings({}); }
  void shut_down() override { store_->shut_down(); }

 private:
  Gateway(std::shared_ptr<Cluster> cluster, std::unique_ptr<ClusterStore> store,
          std::unique_ptr<PassThrough> pass_through, GatewayMode mode, const Timer& timer);
  Outcome outcome_of(Front& front, const rest::AnswerShape& shape, http::Request request);
  http::Response status(Front& front, const http::Request& request);

  const std::shared_ptr<Cluster> cluster_;
  const std::unique_ptr<ClusterStore> store_;
  const std::unique_ptr<PassThrough> pass_through_;
  const GatewayMode mode_;
  ClusterProbe probe_;
};

}  // namespace sightline::elastic
