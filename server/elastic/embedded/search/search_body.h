// A search request: its body and its URL parameters.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/request_parameters.h"
#include "server/elastic/embedded/search/aggregations.h"
#include "server/elastic/embedded/search/query.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/json_filter.h"

namespace sightline::elastic {

/// One key to sort hits by. If a document has several values, the least counts, or the greatest if descending.
struct SortKey {
  /// document: by index, then in the order of the documents.
  enum class Kind { score, document, field };
  Kind kind = Kind::field;
  std::string field;
  bool descending = false;
  bool missing_first = false;
  std::optional<FieldType> unmapped_type = {};  ///< an unmapped field is one of that type, missing everywhere
};

/// `track_total_hits`: count up to this many hits.
inline constexpr std::int64_t k_count_all = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t k_count_none = -1;

/// `pit`.
struct PointInTimeUse {
  std::string id;
  std::optional<std::chrono::milliseconds> keep_alive = {};
};

struct SearchBody {
  QueryPtr query;          ///< null: all documents, or none beside `knn`
  std::vector<Query> knn;  ///< each holds a KnnQuery
  int size = 10, from = 0;
  rest::SourceFilter source;
  std::vector<std::string> fields;  ///< names or patterns
  std::optional<float> min_score;
  std::vector<SortKey> sort;                                        ///< empty: by score
  std::optional<std::vector<std::optional<Literal>>> search_after;  ///< an inner nullopt: null
  std::int64_t track_total_hits = 10'000;
  bool typed_keys = false;  ///< of aggregations
  bool total_hits_as_int = false;
  QueryPtr post_filter;
  bool version = false, seq_no_primary_term = false;
  std::vector<Aggregation> aggregations;
  std::optional<std::chrono::milliseconds> scroll;  ///< how long the other hits stay available
  std::optional<PointInTimeUse> point_in_time;
  bool breaks_ties = false;    ///< the last key of `sort` was added for a point in time
  std::size_t text_bytes = 0;  ///< length of the body as it was sent

  /// Best first.
  bool sorts_by_score() const { return sort.empty() || (sort[0].kind == SortKey::Kind::score && sort[0].descending); }
};

/// The parameters of a search, which override its body.
struct SearchParameters : IndicesParameters, rest::SourceParameters {
  std::optional<std::int32_t> size, from;
  std::optional<std::string> sort;
  std::optional<std::int64_t> track_total_hits;
  std::optional<bool> version, seq_no_primary_term;
  bool typed_keys = false;
  bool total_hits_as_int = false;
  std::optional<std::chrono::milliseconds> scroll;
};

extern const rest::ParameterTable<SearchParameters> k_search_parameters;
extern const rest::ParameterTable<IndicesParameters> k_count_parameters;

/// Reads the body (empty: all defaults) and the parameters of a search request. Throws Refused: with Elasticsearch's
/// type for invalid or unknown members, illegal_argument_exception with the limit that is exceeded.
SearchBody parse_search(std::string_view body, const SearchParameters& parameters, const Limits& limits);

/// Reads a body with only a query, as in _count. Null: no query. Throws Refused.
QueryPtr parse_query_body(std::string_view body, const Limits& limits);

}  // namespace sightline::elastic
