// Where documents live: behind one interface a local engine, or a real cluster.
#pragma once

#include <string>

#include "server/http/message.h"

namespace sightline::elastic {

/// Answers Elasticsearch REST requests that need no inference: indices, documents, bulk, search with ready
/// vectors. The front (inference endpoints, ingest pipelines, query vector builders) does its own part, then
/// passes on plain requests; it stores its endpoints and pipelines as documents of the hidden index
/// `.sightline`, through this same interface. Thread safety: `handle` may
/// be called from any thread, and may block.
class Store {
 public:
  virtual ~Store() = default;
  virtual http::Response handle(const http::Request& request) = 0;
  /// True if it has ingest pipelines and index templates itself, as a cluster has: then a pipeline that
  /// the front does not keep is the store's to run. False: such a pipeline does not exist.
  virtual bool runs_pipelines() const { return false; }
  /// What prevents writes, in words; empty if nothing is known to.
  virtual std::string problem() { return {}; }
};

}  // namespace sightline::elastic
