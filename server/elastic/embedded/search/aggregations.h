// Aggregations over all hits of a search. Only inexpensive kinds are supported.
#pragma once

#include <string>
#include <vector>

#include "server/elastic/embedded/search/scored_docs.h"
#include "server/elastic/embedded/search/shard_view.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

/// One aggregation of a request.
struct Aggregation {
  enum class Kind { terms, stats, avg, min, max, sum, value_count };
  std::string name;
  Kind kind = Kind::terms;
  std::string field;
  int size = 10;  ///< terms: buckets
};

/// Reads an `aggs` object. Throws Refused, also for more aggregations than `limits` allows.
std::vector<Aggregation> parse_aggregations(const JsonView& value, const Limits& limits);

/// The hits of one index.
struct AggregatedShard {
  const ShardView* shard;
  const DocSet* docs;
};

/// Throws ShardRefused if a field of that index cannot be aggregated this way.
void check_aggregations(const std::vector<Aggregation>& aggregations, const ShardView& shard);

/// `{"name":{...},...}` over the hits of all indices together. Every index must have passed check_aggregations. Throws
/// AnswerTooLarge, and Refused for more buckets than Limits::max_buckets. `typed_keys`: a name is preceded by the type
/// of its result, as in `sterms#name`; Java and .NET clients always request that.
std::string aggregations_json(const std::vector<Aggregation>& aggregations, const std::vector<AggregatedShard>& shards,
                              bool typed_keys, const Limits& limits);

}  // namespace sightline::elastic
