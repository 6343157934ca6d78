// What is in front of a store and does what the store cannot: inference.
#pragma once

#include <string>
#include <vector>

#include "server/elastic/inference/endpoints.h"
#include "server/elastic/inference/inference_api.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/inference/native_inference.h"
#include "server/elastic/limits.h"
#include "server/elastic/outcome.h"
#include "server/elastic/pipelines/ingest_service.h"
#include "server/elastic/pipelines/pipeline_api.h"
#include "server/elastic/pipelines/pipeline_stubs.h"
#include "server/elastic/pipelines/stored_pipelines.h"
#include "server/elastic/query_vectors/query_vectors.h"
#include "server/elastic/rest/router.h"
#include "server/elastic/store.h"
#include "server/elastic/writes/writes.h"

namespace sightline::elastic {

/// Decides about every request of Elasticsearch's REST API, before a store without inference.
///
/// Here: `/_inference`, `/_ingest/pipeline`, the pipelines of writes, and query vector builders in searches.
/// All else is the store's, as it came, and so is every body that is not JSON, unless it would have to go
/// through a pipeline here. Changes of indices are sent to the store by `decide`, so that writes after their answer go
/// through the pipelines that the indices then name.
/// The index that endpoints and pipelines are stored in cannot be reached through the front.
/// It keeps no state but caches of a second, so any number of fronts may share a store.
/// Thread safety: `decide` may be called from any thread; it blocks.
class Front {
 public:
  /// `secret_box` seals the secrets of endpoints; it may be null, else it must outlive the front, as all
  /// here. `limits` bounds what one request may cost.
  Front(Store& store, NativeInference& native, InferenceExecutor& executor, const Timer& timer,
        const security::SecretBox* secret_box = nullptr, const Limits& limits = {});
  Outcome decide(http::Request request);
  const Limits& limits() const { return limits_; }
  /// Ends what `decide` waits for, now and from now on; beside InferenceExecutor::shut_down.
  void shut_down() { ingest_.shut_down(); }

  struct Kept {
    std::size_t endpoints = 0, pipelines = 0;
    std::vector<std::string> unguarded;  ///< pipelines without a guard in the cluster: PipelineStubs
  };
  /// How many definitions are in the front's own index.
  Answer<Kept> kept(const Caller& caller);

 private:
  Outcome plain(http::Request request, const std::vector<std::string>& parts);
  Outcome unread(http::Request request, const std::vector<std::string>& parts);
  http::Response changed_indices(const http::Request& request);

  Store& store_;
  const Limits limits_;
  Endpoints endpoints_;
  StoredPipelines pipelines_;
  PipelineStubs stubs_;
  IngestService ingest_;
  IndexPipelines index_pipelines_;
  Writes writes_;
  QueryVectors query_vectors_;
  InferenceApi inference_api_;
  PipelineApi pipeline_api_;
  rest::Router router_;
};

}  // namespace sightline::elastic
