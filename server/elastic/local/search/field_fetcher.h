// The `fields` of a hit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/local/search/json_view.h"
#include "server/elastic/local/search/search_body.h"
#include "server/elastic/local/search/shard_view.h"

namespace sightline::elastic {

/// Prints the values of the fields that a search's `fields` names, as its fields' types hold them: dates in a
/// format, numbers as numbers, vectors as one flat list of what was sent.
class FieldFetcher {
 public:
  /// Throws ShardRefused for a format that is none.
  FieldFetcher(const ShardView& shard, const std::vector<FieldRequest>& requests);

  bool empty() const { return wanted_.empty(); }
  /// True if values have to be read from the source of documents.
  bool needs_source() const { return needs_source_; }
  /// `{"city":["Lyon"],...}`, fields without values left out; `source` is used only if needed. Errors: those
  /// of fetching a vector.
  Result<std::string> fields_json(Doc doc, std::string_view source) const;

 private:
  struct Wanted {
    FieldPtr field;
    std::string format;
  };
  Status append_values(const Wanted& wanted, Doc doc, const rest::JsonTape* source,
                       std::vector<std::string>& values) const;

  const ShardView& shard_;
  std::vector<Wanted> wanted_;
  bool needs_source_ = false;
};

}  // namespace sightline::elastic
