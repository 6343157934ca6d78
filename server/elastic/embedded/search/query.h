// Queries as the request gives them, before they are resolved for an index.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sightline::elastic {

struct Query;
using QueryPtr = std::shared_ptr<const Query>;

/// A value as it was written. Its meaning depends on the field's type.
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
  bool all_terms = false;  ///< operator: and
};

/// The query of several fields. Its `field` is empty. The best score of any field counts.
struct MultiMatchQuery : MatchQuery {
  std::vector<std::pair<std::string, float>> fields;  ///< names or patterns, with boosts
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
};

struct ConstantScoreQuery {
  QueryPtr filter;
};

/// `knn`, next to the query or within it.
struct KnnQuery {
  std::string field;
  std::vector<float> vector;
  int k = 10;
  int num_candidates = 15;
  std::optional<float> similarity;  ///< minimum similarity (for l2_norm: maximum distance) of a hit
  std::vector<QueryPtr> filters;
};

struct Query {
  std::variant<MatchAllQuery, MatchNoneQuery, MatchQuery, MultiMatchQuery, TermQuery, TermsQuery, RangeQuery,
               ExistsQuery, IdsQuery, PrefixQuery, BoolQuery, ConstantScoreQuery, KnnQuery>
      node;
  float boost = 1;
};

}  // namespace sightline::elastic
