// Reading queries.
#pragma once

#include "server/elastic/embedded/search/query.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {

/// Counts the parts of the queries of one search while they are read, before memory is allocated for them. Its members
/// throw Refused when a limit is exceeded.
class QueryBudget {
 public:
  explicit QueryBudget(const Limits& limits) : limits_(limits) {}
  const Limits& limits() const { return limits_; }

  /// A query of any kind.
  void clause();
  /// A value of `terms` or `ids`.
  void value();
  void knn(int num_candidates);

 private:
  const Limits& limits_;
  std::size_t clauses_ = 0, values_ = 0, knn_clauses_ = 0, candidates_ = 0;
};

/// The context in which a query is read.
struct QueryContext {
  QueryBudget& budget;
  int size = 10;          ///< `size` of the search: the default of a knn query's k
  std::size_t depth = 0;  ///< depth of nesting in other queries

  /// The context of a query nested in this one.
  QueryContext inner() const { return {budget, size, depth + 1}; }
};

/// Reads a text, a number or a flag. Throws Refused.
Literal read_literal(const JsonView& value);

/// Reads one query: an object with the query's name as its only key. Throws Refused.
QueryPtr parse_query(const JsonView& value, const QueryContext& context);

/// The place of a `knn` object: within a query, k and num_candidates have other defaults. A retriever has no boost.
enum class KnnPlace { top, query, retriever };

/// Reads one `knn` object. Throws Refused.
Query parse_knn(const JsonView& value, const QueryContext& context, KnnPlace place);

inline float read_float(const JsonView& value, std::string_view name) {
  return static_cast<float>(read_double(value, name));
}

}  // namespace sightline::elastic
