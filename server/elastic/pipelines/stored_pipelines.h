// The ingest pipelines that are kept here, ready to use.
#pragma once

#include <memory>
#include <string>

#include "base/timer.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/definitions/short_cache.h"
#include "server/elastic/pipelines/pipeline.h"

namespace sightline::elastic {

/// The pipelines of DefinitionIndex, parsed, and kept for a second for each caller. Blocks on the store when it
/// must ask. Thread safety: all members may be called from any thread.
class StoredPipelines {
 public:
  StoredPipelines(Store& store, const Timer& timer) : index_(store), cache_(timer) {}

  /// Null if none of that id is kept here.
  Answer<std::shared_ptr<const Pipeline>> get(const Caller& caller, const std::string& id);
  /// Those that call an inference endpoint, by name.
  Answer<std::vector<std::string>> using_endpoint(const Caller& caller, const std::string& endpoint_id);

  DefinitionIndex& index() { return index_; }
  /// To be called after every change to the index.
  void forget() { cache_.forget(); }

 private:
  DefinitionIndex index_;
  ShortCache<std::shared_ptr<const Pipeline>> cache_;
};

}  // namespace sightline::elastic
