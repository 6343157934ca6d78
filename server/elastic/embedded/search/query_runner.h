// Running queries over one index.
#pragma once

#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/query.h"
#include "server/elastic/embedded/search/scored_docs.h"
#include "server/elastic/embedded/search/shard_view.h"

namespace sightline::elastic {

// The values of queries, converted to the types of fields.
/// A whole number, or the next lower one with `fraction` set: 3.5 is {3, true}. A number beyond int64 is the nearest
/// int64 with `beyond` set.
struct WholeNumber {
  std::int64_t floor = 0;
  bool fraction = false, beyond = false;
};
/// Throws ShardRefused (query_shard_exception) if the text is not a number.
WholeNumber whole_number(const Literal& value);
/// The same for a bound of a range over a field of that type. Throws ShardRefused if the type cannot hold it.
WholeNumber whole_bound(FieldType type, const Literal& value);
/// The number in the precision of a field of that type: rounded to float32 or half precision. Throws as whole_number
/// does.
double decimal_number(FieldType type, const Literal& value);
/// Throws ShardRefused unless the text is "true" or "false".
bool boolean_value(const Literal& value);
/// Throws ShardRefused if the text is not a date in the field's format. `round_up`: see parse_date.
std::int64_t date_value(const Field& field, const Literal& value, bool round_up);

/// Finds the live documents of one index that match a query, with Elasticsearch's scores. Members throw Refused or
/// ShardRefused (both inside this folder) for queries that cannot run.
class QueryRunner {
 public:
  explicit QueryRunner(const ShardView& shard) : shard_(shard), memory_(shard.memory()) {}

  /// `boost` multiplies the query's boost. Without `scoring` the scores have no meaning.
  ScoredDocs run(const Query& query, float boost = 1, bool scoring = true) const;
  DocSet filter(const Query& query) const { return run(query, 1, false).docs; }

 private:
  ScoredDocs run(const MatchAllQuery&, float boost, bool scoring) const;
  ScoredDocs run(const MatchNoneQuery&, float boost, bool scoring) const;
  ScoredDocs run(const BoolQuery&, float boost, bool scoring) const;
  ScoredDocs run(const ConstantScoreQuery&, float boost, bool scoring) const;
  ScoredDocs run(const IdsQuery&, float boost, bool scoring) const;
  // the nearest vectors of one field, restricted to the live documents that pass the filters
  ScoredDocs run(const KnnQuery&, float boost, bool scoring) const;
  // text_queries.cpp
  ScoredDocs run(const MatchQuery&, float boost, bool scoring) const;
  ScoredDocs run(const MultiMatchQuery&, float boost, bool scoring) const;
  ScoredDocs run(const PrefixQuery&, float boost, bool scoring) const;
  ScoredDocs run(const TermQuery&, float boost, bool scoring) const;
  ScoredDocs match_text(const Field& field, const MatchQuery&, float boost, bool scoring) const;
  ScoredDocs match_field(const Field& field, const MatchQuery&, float boost, bool scoring) const;
  /// Of a name that is no field: `_id` and `_index` are known, all others find nothing.
  ScoredDocs without_field(std::string_view name, const std::vector<Literal>& values, float boost) const;
  ScoredDocs text_term(const Field& field, std::string_view term, float boost, bool scoring) const;
  ScoredDocs keyword_term(const Field& field, std::string_view value, float boost, bool scoring) const;
  /// Documents with one of these terms.
  DocSet words_of(const Field& field, const std::vector<Literal>& values) const;
  /// Documents with a term for which `wanted(std::string_view)` holds.
  template <class Wanted>
  DocSet with_terms(const Field& field, Wanted&& wanted) const;
  DocSet term_range(const Field& field, const RangeQuery&) const;
  // value_queries.cpp
  ScoredDocs run(const TermsQuery&, float boost, bool scoring) const;
  ScoredDocs run(const RangeQuery&, float boost, bool scoring) const;
  ScoredDocs run(const ExistsQuery&, float boost, bool scoring) const;
  ScoredDocs value_term(const Field& field, const Literal& value, float boost, bool scoring) const;
  ScoredDocs boolean_term(const Field& field, const Literal& value, float boost, bool scoring) const;
  /// Documents with one of these numbers, dates or booleans.
  DocSet numbers_of(const Field& field, const std::vector<Literal>& values) const;
  /// `read(bound, upper)` returns a bound in the type of the column.
  template <class Column, class Read>
  DocSet between(const Field& field, const Column* column, const RangeQuery&, const Read& read) const;
  DocSet in_range(const Field& field, const RangeQuery&) const;
  DocSet date_range(const Field& field, const RangeQuery&) const;
  DocSet existing(const Field& field) const;

  DocSet nothing() const { return DocSet(memory_.size()); }
  /// `docs` that are live, each with the score `boost`.
  ScoredDocs constant(DocSet docs, float boost) const {
    docs &= memory_.live();
    return {std::move(docs), boost};
  }

  const ShardView& shard_;
  const MemoryIndex& memory_;
};

}  // namespace sightline::elastic
