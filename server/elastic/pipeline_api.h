// `/_ingest/pipeline`: pipelines, and trying them out.
#pragma once

#include "server/elastic/definitions.h"
#include "server/elastic/ingest/ingest_service.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {

/// Thread safety: handlers may run on any thread; they block.
class PipelineApi {
 public:
  PipelineApi(Definitions& definitions, IngestService& ingest) : definitions_(definitions), ingest_(ingest) {}

  void add_routes(rest::Router& router);

 private:
  http::Response put(const http::Request& request, const std::string& id);
  http::Response get(const http::Request& request, const std::string& ids);
  http::Response remove(const http::Request& request, const std::string& id);
  /// With a stored pipeline, or with the one in the body if `id` is empty.
  http::Response simulate(const http::Request& request, const std::string& id);

  Definitions& definitions_;
  IngestService& ingest_;
};

}  // namespace sightline::elastic
