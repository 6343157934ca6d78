// What stands in the cluster for the pipelines that are kept here.
#pragma once

#include <string>
#include <string_view>

#include "server/elastic/caller.h"
#include "server/elastic/definitions/short_cache.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// A field that the front adds to each document that has run through a pipeline which the cluster runs once
/// more: a guard takes it off again. Its name is what a document without it is told: "field [...] not
/// present".
constexpr std::string_view k_ran_mark = "sent through the Sightline gateway";

/// A pipeline that is kept, and run, here has a stand-in of its name in the cluster: a guard, which fails
/// every document that did not come through the front, since it lacks `k_ran_mark`. So nothing gets in
/// without its vectors, be it that a write goes around the front, that its body cannot be read here, or that
/// its caller may not see the index's settings.
///
/// An index's `default_pipeline` is replaced by `_none` in every write from here, so that its guard does not
/// run. A `final_pipeline` the cluster runs whatever the write says: there the document is given the mark.
///
/// A cluster without the `remove` processor (its module ingest-common is part of every distribution) can have
/// no guard. Then a default pipeline has no stand-in ("pipeline with id [x] does not exist"), and a final one
/// an empty stand-in, past which documents do get in. Thread safety: all members may be called from any
/// thread; they block.
class PipelineStubs {
 public:
  PipelineStubs(Store& store, const Timer& timer) : store_(store), seen_(timer) {}

  enum class InCluster { nothing, empty, guard, pipeline };
  /// What the cluster has of that name.
  Answer<InCluster> look(const Caller& caller, const std::string& name);

  enum class Guard {
    none,   ///< the caller may not put one there, or the cluster cannot have one
    found,  ///< it was there
    made,   ///< it is new
  };
  /// Puts a guard there. Errors: the cluster has a pipeline of that name, or does not answer.
  Answer<Guard> put_guard(const Caller& caller, const std::string& name);
  /// For a final pipeline: makes its stand-in, a guard if it is `guarded`, where nothing is; asked of the
  /// cluster once a second at most. What is there then.
  Answer<InCluster> ensure(const Caller& caller, const std::string& name, bool guarded);
  /// Removes the stand-in if there is one, and nothing else.
  Refusal remove(const Caller& caller, const std::string& name);

 private:
  http::Response put(const Caller& caller, const std::string& name, const std::string& body);

  Store& store_;
  ShortCache<InCluster> seen_;
};

/// A pipeline of that name is the cluster's own, and one of the two would never run.
ElasticError pipeline_of_both(const std::string& name);

}  // namespace sightline::elastic
