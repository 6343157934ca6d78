// The body of `_bulk`: lines of actions and documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// On the action line, or as parameter of a write: no pipeline is run but the index's final one.
constexpr std::string_view k_no_pipeline = "_none";

/// One action. Views point into the body.
struct BulkItem {
  std::string operation;  ///< index, create, update, delete
  std::string index;
  std::optional<std::string> id, routing;
  std::optional<std::string> pipeline;  ///< of this line; else of the request
  std::optional<std::string> if_seq_no, if_primary_term, retry_on_conflict, source;  ///< as written; source: `_source`
  std::string other;  ///< the last member that changes what is done, and is none of these; else empty
  std::string_view action_line, source_line;  ///< without line ends; no source for delete

  /// The action with other index, id and routing, and with the pipeline `_none`: those it had have run.
  std::string action_after_pipelines(const std::string& new_index, const std::optional<std::string>& new_id,
                                     const std::optional<std::string>& new_routing) const;
};

/// Reads a bulk body action by action, and keeps none of it. Sources are not looked into.
class BulkReader {
 public:
  /// Lines without an index get `default_index`. The body must outlive the reader and its items.
  BulkReader(std::string_view body, std::string default_index)
      : rest_(body), default_index_(std::move(default_index)) {}

  /// The next action, good until the next call; null at the end. Errors: those by which Elasticsearch refuses
  /// a whole bulk, with its texts and line numbers.
  Answer<const BulkItem*> next();
  bool at_end() const { return rest_.empty(); }

 private:
  Answer<std::optional<std::string_view>> next_line();
  Refusal read_action(std::string_view line);

  std::string_view rest_;
  std::string default_index_;
  std::size_t line_ = 0;
  bool any_ = false;
  BulkItem item_;
};

}  // namespace sightline::elastic
