// Reading queries.
#pragma once

#include "server/elastic/local/search/json_view.h"
#include "server/elastic/local/search/query.h"

namespace sightline::elastic {

/// What a query is read in.
struct QueryContext {
  int size = 10;  ///< `size` of the search: the default of a knn query's k
  int depth = 0;  ///< how deep in other queries
};

/// Reads one query: an object with the query's name as its only key. Throws Refused with Elasticsearch's
/// errors; queries that Elasticsearch has and this store has not are refused by name.
QueryPtr parse_query(const JsonView& value, const QueryContext& context);

/// Reads one `knn` object. `within_query`: as a query, else as a part of the search body.
/// Throws Refused.
Query parse_knn(const JsonView& value, const QueryContext& context, bool within_query);

}  // namespace sightline::elastic
