// Queries as the request says them, before any index is looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sightline::elastic {

struct Query;
using QueryPtr = std::shared_ptr<const Query>;

/// A value as it was written: what it means depends on the field's type.
struct Literal {
  enum class Kind { string, number, boolean };
  Kind kind = Kind::string;
  std::string text;  ///< characters of a string, a number as written, "true" or "false"
};

struct MatchAllQuery {};
struct MatchNoneQuery {};

struct MatchQuery {
  std::string field;
  Literal text;
  bool all_terms = false;             ///< operator: and
  std::string minimum_should_match;   ///< "2", "-1", "75%", "2<75%"; empty: 1
  bool zero_terms_match_all = false;  ///< zero_terms_query: all
  /// Values that do not fit the field's type match nothing. Not given: so in fields chosen by a pattern.
  std::optional<bool> lenient = {};
};

struct MultiMatchQuery {
  std::vector<std::pair<std::string, float>> fields;  ///< names or patterns, and boosts
  bool sum_of_fields = false;                         ///< most_fields; else best_fields
  float tie_breaker = 0;
  MatchQuery match;  ///< what to look for in each; its `field` is empty
};

struct TermQuery {
  std::string field;
  Literal value;
  bool case_insensitive = false;
};

struct TermsQuery {
  std::string field;
  std::vector<Literal> values;
};

struct RangeBound {
  Literal value;
  bool inclusive = true;
};

struct RangeQuery {
  std::string field;
  std::optional<RangeBound> lower, upper;
  std::string format;     ///< of dates; empty: the field's
  std::string time_zone;  ///< "+02:00" or "UTC"; empty: UTC
};

struct ExistsQuery {
  std::string field;  ///< a field, an object or a pattern
};

struct IdsQuery {
  std::vector<std::string> ids;
};

struct PrefixQuery {
  std::string field;
  std::string value;
  bool case_insensitive = false;
};

struct BoolQuery {
  std::vector<QueryPtr> must, filter, should, must_not;
  std::string minimum_should_match;  ///< empty: 1 if there is no must and no filter, else 0
  bool adjust_pure_negative = true;  ///< false: with must_not alone nothing matches
};

struct ConstantScoreQuery {
  QueryPtr filter;
};

struct DisMaxQuery {
  std::vector<QueryPtr> queries;
  float tie_breaker = 0;
};

/// `knn`, beside the query or within it.
struct KnnQuery {
  std::string field;
  std::vector<float> vector;
  int k = 10;
  int num_candidates = 15;
  std::optional<float> similarity;  ///< least similarity (for l2_norm: greatest distance) of a hit
  std::vector<QueryPtr> filters;
};

/// Stands for a query that holds more clauses than a search may.
struct TooManyClausesQuery {
  std::size_t limit;
};

struct Query {
  std::variant<MatchAllQuery, MatchNoneQuery, MatchQuery, MultiMatchQuery, TermQuery, TermsQuery, RangeQuery,
               ExistsQuery, IdsQuery, PrefixQuery, BoolQuery, ConstantScoreQuery, DisMaxQuery, KnnQuery,
               TooManyClausesQuery>
      node;
  float boost = 1;
  std::optional<std::string> name = {};  ///< `_name`: hits say which named queries they match
};

}  // namespace sightline::elastic
