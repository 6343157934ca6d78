// Requests that are the cluster's, and its answers, as they came.
#pragma once

#include <memory>

#include "server/elastic/gateway/cluster.h"
#include "server/http/server.h"

namespace sightline::elastic {

/// Passes requests on and streams the answers back.
///
/// Flow: 1. The request goes out with all its fields but Host and those of the connection; its body was held
///          whole, so a slow client holds no connection of the cluster while it sends.
///       2. Status and fields of the answer go to the client as they came, gzip too; of the body never more
///          than a few MB are held: the cluster's connection is paused until the client has read on.
///       3. If a client disconnects, its request is cancelled, so that Elasticsearch ends the search.
///          If the cluster disconnects, the client's connection is closed: half an answer must not look whole.
///       4. A cluster that does not answer becomes `Cluster::failure`, after the retries that it allows.
/// Thread safety: `send` may be called from any thread; it does not block.
class PassThrough {
 public:
  /// Errors: those of Cluster::connect. `timer` must outlive all requests.
  static Result<std::unique_ptr<PassThrough>> create(std::shared_ptr<Cluster> cluster, Timer& timer);

  void send(http::Request request, http::Reply reply);

 private:
  PassThrough(std::shared_ptr<Cluster> cluster, Timer& timer, std::shared_ptr<http::Client> client)
      : cluster_(std::move(cluster)), timer_(timer), client_(std::move(client)) {}

  const std::shared_ptr<Cluster> cluster_;
  Timer& timer_;
  const std::shared_ptr<http::Client> client_;
};

}  // namespace sightline::elastic
