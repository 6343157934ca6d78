// The `fields` of a hit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/embedded/search/shard_view.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

/// Prints the values of the fields that a search's `fields` names, as their fields' types hold them: dates in their
/// format, numbers as numbers, vectors as one flat list of what was sent.
class FieldFetcher {
 public:
  FieldFetcher(const ShardView& shard, const std::vector<std::string>& patterns);

  bool empty() const { return wanted_.empty(); }
  /// True if values have to be read from the source.
  bool needs_source() const { return reads_source_; }
  /// `"city":["Lyon"],...`; empty if there are no values. `source` is used only if needed.
  /// Throws StorageFailed.
  std::string fetch(Doc doc, std::string_view source) const;

 private:
  std::vector<std::string> values_of(const Field& field, Doc doc, const rest::JsonTape* source) const;

  const ShardView& shard_;
  std::vector<FieldPtr> wanted_;
  bool reads_source_ = false;
};

}  // namespace sightline::elastic
