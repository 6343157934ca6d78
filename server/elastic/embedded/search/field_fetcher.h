// The `fields` of a hit.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/embedded/search/shard_view.h"

namespace sightline::elastic {

/// Prints the values of the fields that a search's `fields` names, by the type of each field: dates in their format,
/// numbers as numbers, a vector as one flat list of the values that were sent.
class FieldFetcher {
 public:
  /// Throws ShardRefused for too many patterns and fields.
  FieldFetcher(const ShardView& shard, const std::vector<std::string>& patterns, const Limits& limits);

  bool empty() const { return wanted_.empty(); }
  /// `"city":["Lyon"],...`; empty if there are no values. Throws StorageFailed, AnswerTooLarge.
  std::string fetch(Doc doc) const;

 private:
  const ShardView& shard_;
  const Limits& limits_;
  std::vector<FieldPtr> wanted_;
  /// By the field that has the values in the source: the places in wanted_ of those that show them.
  std::unordered_map<const Field*, std::vector<std::size_t>> places_;
  bool reads_vectors_ = false;
};

}  // namespace sightline::elastic
