// The Elasticsearch port of a Sightline server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace sightline::elastic {

/// Serves the subset of Elasticsearch's REST API that embedding pictures needs, over a local store.
///
/// Flow: 1. `http::Server` reads a request and calls one of `workers` threads.
///       2. The rest layer settles media types, parameters, unknown routes and the shape of the answer.
///       3. The front does what a plain store cannot: inference endpoints, ingest pipelines, query vector
///       builders.
///       4. The store answers what is left: indices, documents, bulk, search.
/// Inference goes by HTTP to the URL that an endpoint names, as Elasticsearch does it; this server knows no
/// model. Thread safety: all members may be called from any thread.
class ElasticServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 9200;       ///< 0: any free one; `port()` tells
    std::filesystem::path data_dir;  ///< of the local store; made if it is missing
    int workers = 16;                ///< requests handled at once; each may block on inference and on disk
    std::size_t max_body_bytes =
        100u << 20;  ///< larger bodies get 413, as with Elasticsearch's http.max_content_length
  };

  /// Errors: those of opening `data_dir` as a store and of binding the port.
  static Result<std::unique_ptr<ElasticServer>> start(const Options& options);
  virtual ~ElasticServer() = default;

  virtual std::uint16_t port() const = 0;
  /// Refuses new requests, waits for those in flight, then closes the store. Safe to call twice.
  virtual void stop() = 0;
};

}  // namespace sightline::elastic
