// Reading queries.
#pragma once

#include "server/elastic/limits.h"
#include "server/elastic/local/search/json_view.h"
#include "server/elastic/local/search/query.h"

namespace sightline::elastic {

/// Thrown by QueryBudget::clause.
struct TooManyClauses {};

/// Counts what the queries of one search hold while they are read, before memory is taken for it.
class QueryBudget {
 public:
  explicit QueryBudget(const Limits& limits) : limits_(limits) {}
  const Limits& limits() const { return limits_; }

  /// A query of any kind, or a word of `q`. Throws TooManyClauses: unlike the others this is an error of each
  /// index that is searched, in Elasticsearch.
  void clause();
  /// A value of `terms` or `ids`. Throws Refused.
  void value();
  /// A kNN clause. Throws Refused.
  void knn(int num_candidates);

 private:
  const Limits& limits_;
  std::size_t clauses_ = 0, values_ = 0, knn_clauses_ = 0, candidates_ = 0;
};

/// What a query is read in.
struct QueryContext {
  QueryBudget& budget;
  int size = 10;          ///< `size` of the search: the default of a knn query's k
  std::size_t depth = 0;  ///< how deep in other queries
};

/// Reads one query: an object with the query's name as its only key. Throws Refused with Elasticsearch's
/// errors; queries that Elasticsearch has and this store has not are refused by name.
QueryPtr parse_query(const JsonView& value, const QueryContext& context);

/// Reads one `knn` object. `within_query`: as a query, else as a part of the search body.
/// Throws Refused.
Query parse_knn(const JsonView& value, const QueryContext& context, bool within_query);

}  // namespace sightline::elastic
