// What the web page needs to know about the server.
#pragma once

#include <cstddef>
#include <string>

#include "server/api/elasticsearch_side.h"
#include "server/api/input.h"

namespace sightline::api {

/// Of models that run at Cohere, and of the port.
struct PageFacts {
  bool cohere = false;                           ///< switched on
  bool cohere_key = false;                       ///< the operator's is set, so that callers need none
  bool api_keys = false;                         ///< requests need a key
  std::size_t max_body_bytes = 0;                ///< of a request to this server's own routes
  std::size_t max_elasticsearch_body_bytes = 0;  ///< of one below /elasticsearch
};

/// The answer to GET /v1/page, the page's first request.
std::string page_info(const PageFacts& facts, const InputLimits& limits, const ElasticsearchSide& elasticsearch);

}  // namespace sightline::api
