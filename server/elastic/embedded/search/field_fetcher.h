// The `fields` of a hit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/embedded/search/shard_view.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

/// Prints the values of the fields that a search's `fields` names, as its fields' types hold them: dates in a
/// format, numbers as numbers, vectors as one flat list of what was sent.
class FieldFetcher {
 public:
  /// Throws ShardRefused for a format that is none.
  FieldFetcher(const ShardView& shard, const std::vector<FieldRequest>& requests);

  /// JSON objects; empty if they would have no members.
  struct Fetched {
    std::string fields;          ///< `{"city":["Lyon"],...}`
    std::string ignored_values;  ///< values that ignore_above kept out of the index
  };

  bool empty() const { return wanted_.empty() && metadata_.empty(); }
  /// True if values of that document have to be read from its source.
  bool needs_source(Doc doc) const;
  /// `source` is used only if needed. Errors: those of fetching a vector.
  Result<Fetched> fetch(Doc doc, std::string_view source) const;

 private:
  struct Wanted {
    FieldPtr field;
    std::string format;
  };
  bool lost_values(const Wanted& wanted, Doc doc) const;
  void append_metadata(std::string& out, Doc doc) const;
  Status append_values(const Wanted& wanted, Doc doc, const rest::JsonTape* source,
                       std::vector<std::string>& values) const;

  const ShardView& shard_;
  std::vector<Wanted> wanted_;
  std::vector<std::string> metadata_;  // of _id, _index and _ignored
  bool reads_source_ = false;
};

}  // namespace sightline::elastic
