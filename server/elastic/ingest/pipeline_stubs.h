// Empty pipelines that stand in the cluster for those that are kept here.
#pragma once

#include <string>

#include "server/elastic/caller.h"
#include "server/elastic/definitions/short_cache.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// A cluster runs an index's `index.final_pipeline` on every write, whatever the write says, and fails the
/// document if it does not exist. So a final pipeline that is kept, and run, here needs an empty one of its
/// name there. `index.default_pipeline` needs none: the front replaces it in every write, and a write that
/// goes around the front is to fail loudly ("pipeline with id [x] does not exist") and not to miss its
/// vectors. Thread safety: all members may be called from any thread; they block.
class PipelineStubs {
 public:
  PipelineStubs(Store& store, const Timer& timer) : store_(store), timer_(timer), seen_(timer) {}

  enum class InCluster { nothing, stub, pipeline };
  /// What the cluster has of that name.
  Answer<InCluster> look(const Caller& caller, const std::string& name);

  /// Makes the stub if it is missing; asked of the cluster once a second at most.
  Refusal ensure(const Caller& caller, const std::string& name);
  /// Removes the stub if there is one, and nothing else.
  Refusal remove(const Caller& caller, const std::string& name);

 private:
  Store& store_;
  const Timer& timer_;
  ShortCache<bool> seen_;
};

/// A pipeline of that name is the cluster's own, and one of the two would never run.
ElasticError pipeline_of_both(const std::string& name);

}  // namespace sightline::elastic
