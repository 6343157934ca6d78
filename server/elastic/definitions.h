// Endpoints and pipelines, ready to use.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "server/elastic/definition_index.h"
#include "server/elastic/inference/endpoint.h"
#include "server/elastic/inference/timer.h"
#include "server/elastic/ingest/pipeline.h"
#include "server/elastic/short_cache.h"

namespace sightline::elastic {

/// What DefinitionIndex holds, parsed, and kept for a second for each caller. Blocks on the store when it
/// must ask. Thread safety: all members may be called from any thread.
class Definitions {
 public:
  Definitions(Store& store, const Timer& timer)
      : index_(store), timer_(timer), endpoints_(timer), pipelines_(timer) {}

  /// Null if there is none of that id.
  Answer<std::shared_ptr<const Endpoint>> endpoint(const Caller& caller, const std::string& id);
  Answer<std::shared_ptr<const Pipeline>> pipeline(const Caller& caller, const std::string& id);

  DefinitionIndex& index() { return index_; }
  /// To be called after every change to the index.
  void forget() {
    endpoints_.forget();
    pipelines_.forget();
  }

 private:
  DefinitionIndex index_;
  const Timer& timer_;
  ShortCache<std::shared_ptr<const Endpoint>> endpoints_;
  ShortCache<std::shared_ptr<const Pipeline>> pipelines_;
};

/// Reads a stored endpoint or pipeline. Errors: those of parsing, if the definition was written by another
/// version.
Answer<std::shared_ptr<const Endpoint>> endpoint_of(const DefinitionIndex::Definition& definition);
Answer<std::shared_ptr<const Pipeline>> pipeline_of(const DefinitionIndex::Definition& definition);

}  // namespace sightline::elastic
