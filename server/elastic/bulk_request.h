// The body of `_bulk`: lines of actions and documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// One action. Views point into the body.
struct BulkItem {
  std::string operation;  ///< index, create, update, delete
  std::string index;
  std::optional<std::string> id, routing;
  std::optional<std::string> pipeline;        ///< of this line; else of the request
  std::string_view action_line, source_line;  ///< without line ends; no source for delete

  /// The action with other index, id and routing, and without its pipeline.
  std::string action_json(const std::string& new_index, const std::optional<std::string>& new_id,
                          const std::optional<std::string>& new_routing) const;
};

/// Reads a bulk body. Lines without an index get `default_index`. Sources are not looked into.
/// Errors: those by which Elasticsearch refuses a whole bulk, with its texts and line numbers.
Answer<std::vector<BulkItem>> parse_bulk(std::string_view body, const std::string& default_index);

}  // namespace sightline::elastic
