// Errors in Elasticsearch's own shape.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/http/message.h"

namespace sightline::elastic {

/// An Elasticsearch exception: `type` and `reason` as Elasticsearch words them, the HTTP status, and what stands beside them.
struct ElasticError {
  int status = 400;
  std::string type;     ///< "index_not_found_exception"
  std::string reason;
  std::vector<std::pair<std::string, std::string>> details = {};  ///< "index", "index_uuid", "resource.id", "shard", ...
  std::string cause_type = {}, cause_reason = {};                  ///< caused_by, if cause_type is not empty

  /// `{"type":...,"reason":...,details...,"caused_by":{...}}`: an item error of _bulk.
  std::string item_json() const;
  /// `{"error":{"root_cause":[...],"type":...,"reason":...},"status":N}`.
  std::string envelope_json() const;
  http::Response response() const;
};

/// 400 illegal_argument_exception.
ElasticError illegal_argument(std::string reason);

}  // namespace sightline::elastic
