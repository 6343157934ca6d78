// Reading queries.
#pragma once

#include "server/elastic/embedded/search/query.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/member_table.h"

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
  /// Takes the queries that have a `_name`; null where nothing shows them.
  std::vector<QueryPtr>* named = nullptr;

  /// For a query within the one that is read. Filters of a top-level `knn` are not shown by their names.
  QueryContext inner(bool shown_by_name = true) const {
    return {budget, size, depth + 1, shown_by_name ? named : nullptr};
  }
};

/// Reads one query: an object with the query's name as its only key. Throws Refused with Elasticsearch's
/// errors; queries that Elasticsearch has and this store has not are refused by name.
QueryPtr parse_query(const JsonView& value, const QueryContext& context);

/// Where a `knn` object stands: their members differ a little, and how their errors are wrapped.
enum class KnnPlace { top, query, retriever };

/// Reads one `knn` object. Throws Refused.
Query parse_knn(const JsonView& value, const QueryContext& context, KnnPlace place);

/// Reads a boost. Throws Refused for negative ones; those that are not finite fail where they are used, as in
/// Elasticsearch.
float read_boost(const JsonView& value, std::string_view name);
/// The same for the text behind `title^`.
float boost_from(std::string_view text);
/// True for -0.0 too, as Java compares.
bool is_negative_boost(float boost);
ElasticError negative_boost(std::string_view boost);

}  // namespace sightline::elastic
