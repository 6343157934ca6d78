// Where documents live: behind one interface a local engine, or a real cluster.
#pragma once

#include "server/http/message.h"

namespace sightline::elastic {

/// Answers Elasticsearch REST requests that need no inference: indices, documents, bulk, search with ready
/// vectors. The front (inference endpoints, ingest pipelines, query vector builders) does its own part, then
/// passes on plain requests; it keeps its endpoints and pipelines as documents of the hidden index
/// `.sightline`, through this same interface, so a store needs no other method. Thread safety: `handle` may
/// be called from any thread, and may block.
class Store {
 public:
  virtual ~Store() = default;
  virtual http::Response handle(const http::Request& request) = 0;
};

}  // namespace sightline::elastic
