#include "server/elastic/embedded/search/query_parser.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/cancellation.h"
#include "base/json/utf8.h"
#include "server/elastic/rest/document_id.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

Literal read_literal(const JsonView& value) {
  if (value.is_bool())
    return {Literal::Kind::boolean, value.kind() == JsonView::Kind::true_ ? "true" : "false"};
  if (value.is_number()) return {Literal::Kind::number, std::string(value.text())};
  return {Literal::Kind::string, json::java_utf8(value.text())};  // as in the index
}

ElasticError expected_text(const JsonView& value) {
  const auto [line, column] = value.position();
  return illegal_argument("Expected text at " + std::to_string(line) + ":" + std::to_string(column) +
                          " but found " + token_name(value));
}

/// Members that stand for a field's name: one each query.
void take_field(std::string_view query, const JsonView& key, std::string& field) {
  if (!field.empty()) {
    refuse(parsing_exception(key, "[" + std::string(query) + "] query doesn't support multiple fields, found [" +
                                      field + "] and [" + std::string(key.text()) + "]"));
  }
  field = key.text();
  if (field.empty()) refuse(illegal_argument("field name is null or empty"));
}

/// `{"field": value}` or `{"field": {...}}` with exactly one field: calls `visit(field, value)`.
template <class Visit>
void one_field(std::string_view query, const JsonView& body, Visit&& visit) {
  std::string field;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    take_field(query, key, field);
    visit(field, value);
  });
  if (field.empty()) refuse(illegal_argument("field name is null or empty"));
}

/// What one query is read into. `Node` is the kind of query.
template <class Node>
struct Reading {
  const QueryContext& context;
  Query query = {};
  Node node = {};
  bool has_value = false;

  Query finish() && {
    query.node = std::move(node);
    return std::move(query);
  }
};

/// Reads a value by `Read(value, name)` into a field of the query.
template <auto Field, auto Read>
void into_node(const JsonView& key, const JsonView& value,
               Reading<typename OwnerOfField<decltype(Field)>::Type>& reading) {
  reading.node.*Field = Read(value, key.text());
}

/// boost and _name, which every query has. `names`: the kinds of `_name`, which parsers differ in.
template <class Node>
std::vector<Member<Reading<Node>>> shared_rows(Kinds names = k_scalars) {
  return {{"boost", k_numbers,
           [](const JsonView& key, const JsonView& value, Reading<Node>& reading) {
             reading.query.boost = read_boost(value, key.text());
           },
           "multiplies scores; negative and infinite ones are refused"},
          {"_name", names,
           [](const JsonView& key, const JsonView& value, Reading<Node>& reading) {
             reading.query.name = read_text(value, key.text());
           },
           "hits list it in `matched_queries`"}};
}

template <class Node>
Query read_members(const MemberTable<Reading<Node>>& table, const JsonView& body,
                   const QueryContext& context) {
  Reading<Node> reading{context};
  table.read(body, reading);
  return std::move(reading).finish();
}

// match_all, match_none

const MemberTable<Reading<MatchAllQuery>> k_match_all{"query `match_all`", "match_all", k_wrapped_object_dialect,
                                                      {shared_rows<MatchAllQuery>(k_text)}};
void check_boost(const JsonView& value, std::string_view name) {
  read_boost(value, name);
}

const MemberTable<Reading<MatchNoneQuery>> k_match_none{
    "query `match_none`", "match_none", k_query_dialect,
    {no_effect("boost", k_numbers, check_boost, "it matches nothing"),
     no_effect("_name", k_scalars, check_nothing, "it matches nothing")}};

Query parse_match_all(const JsonView& body, const QueryContext& context) {
  return read_members(k_match_all, body, context);
}

Query parse_match_none(const JsonView& body, const QueryContext& context) {
  return read_members(k_match_none, body, context);
}

// match, multi_match

bool read_operator(const JsonView& value, std::string_view) {
  std::string name = read_text(value, "operator");
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "and") return true;
  if (name == "or") return false;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  refuse(illegal_argument("No enum constant org.elasticsearch.index.query.Operator." + name));
}

bool read_zero_terms(const JsonView& value, std::string_view) {
  std::string choice = read_text(value, "zero_terms_query");
  std::transform(choice.begin(), choice.end(), choice.begin(), [](unsigned char c) { return std::tolower(c); });
  if (choice == "none" || choice == "all") return choice == "all";
  refuse(parsing_exception(value, "Unsupported zero_terms_query value [" + choice + "]"));
}

void check_positive(const JsonView& value, std::string_view name) {
  if (read_integer(value, name) < 1)
    refuse(illegal_argument("[" + std::string(name) + "] requires a positive value"));
}

/// How Lucene may rewrite a query of many terms. The ones that score by term would change scores.
void check_rewrite(const JsonView& value, std::string_view name) {
  if (value.is_null()) return;
  const std::string method = read_text(value, name);
  if (method == "constant_score" || method == "constant_score_blended" || method == "constant_score_boolean")
    return;
  const bool scores = method == "scoring_boolean" || method.starts_with("top_terms_");
  if (scores) refuse(not_supported("[" + std::string(name) + ": " + method + "]"));
  refuse(illegal_argument("Failed to parse rewrite_method [" + method + "]"));
}

MatchQuery& match_of(Reading<MatchQuery>& reading) {
  return reading.node;
}
MatchQuery& match_of(Reading<MultiMatchQuery>& reading) {
  return reading.node.match;
}

template <auto Field, auto Read, class Node>
void into_match(const JsonView& key, const JsonView& value, Reading<Node>& reading) {
  match_of(reading).*Field = Read(value, key.text());
}

template <class Node>
std::vector<Member<Reading<Node>>> match_rows() {
  constexpr std::string_view k_no_fuzziness = "it matters to fuzzy matching alone, and `fuzziness` is refused";
  return {{"operator", k_scalars, into_match<&MatchQuery::all_terms, read_operator, Node>},
          {"minimum_should_match", k_scalars, into_match<&MatchQuery::minimum_should_match, read_filled_text, Node>},
          {"lenient", k_flags, into_match<&MatchQuery::lenient, read_bool, Node>},
          {"zero_terms_query", k_scalars, into_match<&MatchQuery::zero_terms_match_all, read_zero_terms, Node>},
          refused("fuzziness", k_scalars),
          refused("analyzer", k_scalars, "the field's own analyzer is used"),
          no_effect("prefix_length", k_numbers, check_not_negative, k_no_fuzziness),
          no_effect("max_expansions", k_numbers, check_positive, k_no_fuzziness),
          no_effect("fuzzy_transpositions", k_flags, check_flag, k_no_fuzziness),
          no_effect("fuzzy_rewrite", k_scalars, check_rewrite, k_no_fuzziness),
          no_effect("auto_generate_synonyms_phrase_query", k_flags, check_flag,
                    "no analyzer here gives synonyms")};
}

template <class Node>
void read_match_text(const JsonView&, const JsonView& value, Reading<Node>& reading) {
  match_of(reading).text = read_literal(value);
  reading.has_value = true;
}

const MemberTable<Reading<MatchQuery>> k_match{
    "query `match`", "match", k_query_dialect,
    {{{"query", k_scalars, read_match_text<MatchQuery>}}, match_rows<MatchQuery>(), shared_rows<MatchQuery>()}};

Query parse_match(const JsonView& body, const QueryContext& context) {
  Reading<MatchQuery> reading{context};
  if (body.size() == 0) refuse(parsing_exception(body, "No text specified for text query"));
  one_field("match", body, [&](const std::string& field, const JsonView& value) {
    reading.node.field = field;
    if (value.is_object()) return k_match.read(value, reading);
    if (!value.is_scalar()) refuse(expected_text(value));
    reading.node.text = read_literal(value);
    reading.has_value = true;
  });
  if (!reading.has_value) refuse(parsing_exception(body, "No text specified for text query"));
  return std::move(reading).finish();
}

std::pair<std::string, float> read_boosted_field(const JsonView& value) {
  std::string name = read_text(value, "fields");
  const std::size_t caret = name.find('^');
  if (caret == std::string::npos) return {name, 1.0f};
  return {name.substr(0, caret), boost_from(std::string_view(name).substr(caret + 1))};
}

void read_multi_match_fields(const JsonView&, const JsonView& value, Reading<MultiMatchQuery>& reading) {
  value.each_or_self([&](const JsonView& item) {
    reading.context.budget.clause();
    reading.node.fields.push_back(read_boosted_field(item));
  });
}

bool read_multi_match_type(const JsonView& value, std::string_view name) {
  const std::string type = read_text(value, name);
  if (type == "best_fields" || type == "most_fields") return type == "most_fields";
  for (const char* other : {"cross_fields", "phrase", "phrase_prefix", "bool_prefix"}) {
    if (type == other) refuse(not_supported("[multi_match] of [type: " + type + "]"));
  }
  refuse({400, "parse_exception", "failed to parse [multi_match] query type [" + type + "]. unknown type."});
}

float read_tie_breaker(const JsonView& value, std::string_view name) {
  return static_cast<float>(read_double(value, name));
}

const MemberTable<Reading<MultiMatchQuery>> k_multi_match{
    "query `multi_match`", "multi_match", k_query_dialect,
    {{{"query", k_scalars, read_match_text<MultiMatchQuery>},
      {"fields", k_scalars | k_array, read_multi_match_fields, "names, patterns, and boosts as in `title^2`"},
      {"type", k_scalars, into_node<&MultiMatchQuery::sum_of_fields, read_multi_match_type>,
       "`best_fields` or `most_fields`; others are refused"},
      {"tie_breaker", k_numbers, into_node<&MultiMatchQuery::tie_breaker, read_tie_breaker>},
      no_effect("slop", k_numbers, check_not_negative, "it matters to phrases alone, which are refused")},
     match_rows<MultiMatchQuery>(),
     shared_rows<MultiMatchQuery>()}};

Query parse_multi_match(const JsonView& body, const QueryContext& context) {
  Reading<MultiMatchQuery> reading{context};
  k_multi_match.read(body, reading);
  if (!reading.has_value) refuse(parsing_exception(body, "No text specified for multi_match query"));
  if (reading.node.fields.empty()) reading.node.fields.emplace_back("*", 1.0f);
  return std::move(reading).finish();
}

// term, terms, range, exists, ids, prefix

void read_term(const JsonView&, const JsonView& value, Reading<TermQuery>& reading) {
  if (value.is_null()) refuse(illegal_argument("value cannot be null"));
  if (value.is_array()) refuse(parsing_exception(value, "[term] query does not support array of values"));
  if (!value.is_scalar())
    refuse(
        parsing_exception(value, "[term] query does not support [" + std::string(token_name(value)) + "]"));
  reading.node.value = read_literal(value);
  reading.has_value = true;
}

const MemberTable<Reading<TermQuery>> k_term{
    "query `term`", "term", k_leaf_query_dialect,
    {{{"value", k_any, read_term},
      {"term", k_any, read_term, "an old name of `value`"},
      {"case_insensitive", k_flags, into_node<&TermQuery::case_insensitive, read_bool>}},
     shared_rows<TermQuery>()}};

Query parse_term(const JsonView& body, const QueryContext& context) {
  Reading<TermQuery> reading{context};
  one_field("term", body, [&](const std::string& field, const JsonView& value) {
    reading.node.field = field;
    value.is_object() ? k_term.read(value, reading) : read_term(value, value, reading);
  });
  if (!reading.has_value) refuse(illegal_argument("value cannot be null"));
  return std::move(reading).finish();
}

const MemberTable<Reading<TermsQuery>> k_terms{"query `terms`, beside the field", "terms", k_query_dialect,
                                               {shared_rows<TermsQuery>()}};

void read_terms(const JsonView& key, const JsonView& value, Reading<TermsQuery>& reading) {
  if (!reading.node.field.empty())
    refuse(parsing_exception(key, "[terms] query does not support multiple fields"));
  if (value.is_object()) refuse(not_supported("[terms] lookup, as in [" + std::string(key.text()) + "],"));
  if (!value.is_array())
    refuse(parsing_exception(key, "[terms] query does not support [" + std::string(key.text()) + "]"));
  reading.node.field = key.text();
  value.each_element([&](const JsonView& item) {
    if (item.is_null()) refuse(parsing_exception(item, "No value specified for terms query"));
    if (!item.is_scalar())
      refuse(parsing_exception(item,
                               "[terms] query does not support [" + std::string(token_name(item)) + "]"));
    reading.context.budget.value();
    reading.node.values.push_back(read_literal(item));
  });
}

Query parse_terms(const JsonView& body, const QueryContext& context) {
  Reading<TermsQuery> reading{context};
  body.each_member([&](const JsonView& key, const JsonView& value) {
    k_terms.knows(key.text()) ? k_terms.read_member(key, value, reading) : read_terms(key, value, reading);
  });
  if (reading.node.field.empty()) {
    refuse(parsing_exception(body,
                             "[terms] query requires a field name, followed by array of terms or a document "
                             "lookup specification"));
  }
  return std::move(reading).finish();
}

/// gte, gt, lte, lt, and null for an open end.
void read_bound(const JsonView& key, const JsonView& value, Reading<RangeQuery>& reading) {
  const std::string_view name = key.text();
  auto& bound = name[0] == 'g' ? reading.node.lower : reading.node.upper;
  bound.reset();
  if (!value.is_null()) bound = RangeBound{read_literal(value), name.size() == 3};
}

/// Every field here holds points, for which all relations but DISJOINT mean the same.
void check_relation(const JsonView& value, std::string_view name) {
  std::string relation = read_text(value, name);
  std::transform(relation.begin(), relation.end(), relation.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  if (relation != "INTERSECTS" && relation != "WITHIN" && relation != "CONTAINS")
    refuse(illegal_argument(relation + " is not a valid relation"));
}

constexpr Kinds k_bounds = k_scalars | k_null;
const MemberTable<Reading<RangeQuery>> k_range{
    "query `range`", "range", k_leaf_query_dialect,
    {{{"gte", k_bounds, read_bound},
      {"gt", k_bounds, read_bound},
      {"lte", k_bounds, read_bound},
      {"lt", k_bounds, read_bound},
      {"format", k_scalars, into_node<&RangeQuery::format, read_filled_text>, "of dates"},
      {"time_zone", k_scalars, into_node<&RangeQuery::time_zone, read_filled_text>, "of dates"},
      no_effect("relation", k_scalars, check_relation,
                "every field here holds points, for which `intersects`, `within` and `contains` are the same")},
     shared_rows<RangeQuery>()}};

Query parse_range(const JsonView& body, const QueryContext& context) {
  Reading<RangeQuery> reading{context};
  one_field("range", body, [&](const std::string& field, const JsonView& value) {
    reading.node.field = field;
    if (!value.is_object())
      refuse(parsing_exception(value, "[range] query does not support [" + field + "]"));
    k_range.read(value, reading);
  });
  return std::move(reading).finish();
}

const MemberTable<Reading<ExistsQuery>> k_exists{
    "query `exists`", "exists", k_query_dialect,
    {{{"field", k_scalars, into_node<&ExistsQuery::field, read_text>}}, shared_rows<ExistsQuery>()}};

Query parse_exists(const JsonView& body, const QueryContext& context) {
  Reading<ExistsQuery> reading{context};
  k_exists.read(body, reading);
  if (reading.node.field.empty())
    refuse(parsing_exception(body, "[exists] must be provided with a [field]"));
  return std::move(reading).finish();
}

void read_ids(const JsonView& key, const JsonView& value, Reading<IdsQuery>& reading) {
  value.each_or_self([&](const JsonView& item) {
    reading.context.budget.value();
    reading.node.ids.push_back(rest::document_id(read_filled_text(item, key.text())));
  });
}

const MemberTable<Reading<IdsQuery>> k_ids{
    "query `ids`", "ids", k_wrapped_object_dialect,
    {{{"values", k_text | k_array, read_ids}}, shared_rows<IdsQuery>(k_text)}};

Query parse_ids(const JsonView& body, const QueryContext& context) {
  return read_members(k_ids, body, context);
}

void read_prefix(const JsonView& key, const JsonView& value, Reading<PrefixQuery>& reading) {
  if (!value.is_scalar()) refuse(illegal_argument("value cannot be null"));
  reading.node.value = json::java_utf8(read_text(value, key.text()));
  reading.has_value = true;
}

const MemberTable<Reading<PrefixQuery>> k_prefix{
    "query `prefix`", "prefix", k_leaf_query_dialect,
    {{{"value", k_any, read_prefix},
      {"case_insensitive", k_flags, into_node<&PrefixQuery::case_insensitive, read_bool>},
      only_some("rewrite", k_scalars | k_null, check_rewrite, "those of `constant_score`, which do the same")},
     shared_rows<PrefixQuery>()}};

Query parse_prefix(const JsonView& body, const QueryContext& context) {
  Reading<PrefixQuery> reading{context};
  one_field("prefix", body, [&](const std::string& field, const JsonView& value) {
    reading.node.field = field;
    value.is_object() ? k_prefix.read(value, reading) : read_prefix(value, value, reading);
  });
  if (!reading.has_value) refuse(illegal_argument("value cannot be null"));
  return std::move(reading).finish();
}

// bool, constant_score, dis_max

template <auto Clauses>
void read_clauses(const JsonView&, const JsonView& value, Reading<BoolQuery>& reading) {
  if (value.is_null()) return;
  value.each_or_self([&](const JsonView& clause) {
    (reading.node.*Clauses).push_back(parse_query(clause, reading.context.inner()));
  });
}

void read_least(const JsonView& key, const JsonView& value, Reading<BoolQuery>& reading) {
  if (!value.is_null()) reading.node.minimum_should_match = read_filled_text(value, key.text());
}

constexpr Kinds k_clauses = k_object | k_array | k_null;
const MemberTable<Reading<BoolQuery>> k_bool{
    "query `bool`", "bool", k_object_dialect,
    {{{"must", k_clauses, read_clauses<&BoolQuery::must>},
      {"filter", k_clauses, read_clauses<&BoolQuery::filter>},
      {"should", k_clauses, read_clauses<&BoolQuery::should>},
      {"must_not", k_clauses, read_clauses<&BoolQuery::must_not>},
      {"mustNot", k_clauses, read_clauses<&BoolQuery::must_not>, "an old name of `must_not`"},
      {"minimum_should_match", k_scalars | k_null, read_least},
      {"adjust_pure_negative", k_flags, into_node<&BoolQuery::adjust_pure_negative, read_bool>}},
     shared_rows<BoolQuery>(k_text)}};

Query parse_bool(const JsonView& body, const QueryContext& context) {
  return read_members(k_bool, body, context);
}

void read_constant_filter(const JsonView& key, const JsonView& value, Reading<ConstantScoreQuery>& reading) {
  if (reading.node.filter)
    refuse(parsing_exception(key, "[constant_score] accepts only one [filter] element."));
  reading.node.filter = parse_query(value, reading.context.inner());
}

const MemberTable<Reading<ConstantScoreQuery>> k_constant_score{
    "query `constant_score`", "constant_score", k_query_dialect,
    {{{"filter", k_object, read_constant_filter}}, shared_rows<ConstantScoreQuery>()}};

Query parse_constant_score(const JsonView& body, const QueryContext& context) {
  Reading<ConstantScoreQuery> reading{context};
  k_constant_score.read(body, reading);
  if (!reading.node.filter) refuse(parsing_exception(body, "[constant_score] requires a 'filter' element"));
  return std::move(reading).finish();
}

void read_queries(const JsonView&, const JsonView& value, Reading<DisMaxQuery>& reading) {
  if (value.is_array() && value.size() == 0)
    refuse(parsing_exception(value, "[_na] query malformed, must start with start_object"));
  value.each_or_self([&](const JsonView& clause) {
    reading.node.queries.push_back(parse_query(clause, reading.context.inner()));
  });
}

const MemberTable<Reading<DisMaxQuery>> k_dis_max{
    "query `dis_max`", "dis_max", k_query_dialect,
    {{{"queries", k_object | k_array, read_queries},
      {"tie_breaker", k_numbers, into_node<&DisMaxQuery::tie_breaker, read_tie_breaker>}},
     shared_rows<DisMaxQuery>()}};

Query parse_dis_max(const JsonView& body, const QueryContext& context) {
  Reading<DisMaxQuery> reading{context};
  k_dis_max.read(body, reading);
  if (reading.node.queries.empty())
    refuse(parsing_exception(body, "[dis_max] requires 'queries' field with at least one clause"));
  return std::move(reading).finish();
}

Query parse_knn_query(const JsonView& body, const QueryContext& context) {
  return parse_knn(body, context, KnnPlace::query);
}

// The queries by name

struct NamedQuery {
  const QueryContext& context;
  std::optional<Query> query = {};
};

template <Query (*Reader)(const JsonView&, const QueryContext&)>
void read_query(const JsonView&, const JsonView& body, NamedQuery& named) {
  named.query = Reader(body, named.context);
}

ElasticError unknown_query(const MemberTableBase& table, const JsonView& key, const JsonView& body) {
  const std::string name(key.text());
  ElasticError error =
      parsing_exception(body, "unknown query [" + name + "]" + did_you_mean(name, table.names()));
  error.cause_type = "named_object_not_found_exception";
  error.cause_reason = position_text(body) + " unknown field [" + name + "]";
  return error;
}

ElasticError query_without_body(const MemberTableBase&, const JsonView& key, const JsonView& body) {
  return parsing_exception(
      body, "[" + std::string(key.text()) + "] query malformed, no start_object after query name");
}

const Dialect k_query_name_dialect{unknown_query, query_without_body};

/// Queries that Elasticsearch knows and this store does not run.
std::vector<Member<NamedQuery>> foreign_queries() {
  std::vector<Member<NamedQuery>> rows;
  for (const char* name : {"boosting", "combined_fields", "common", "distance_feature", "function_score", "fuzzy",
                           "geo_bounding_box", "geo_distance", "geo_grid", "geo_polygon", "geo_shape",
                           "has_child", "has_parent", "intervals", "match_bool_prefix", "match_phrase",
                           "match_phrase_prefix", "more_like_this", "nested", "parent_id", "percolate", "pinned",
                           "query_string", "rank_feature", "regexp", "rule", "script", "script_score",
                           "semantic", "shape", "simple_query_string", "span_containing", "span_first",
                           "span_multi", "span_near", "span_not", "span_or", "span_term", "span_within",
                           "sparse_vector", "terms_set", "text_expansion", "wildcard", "wrapper"}) {
    rows.emplace_back(refused(name, k_object,
                              "it runs match_all, match_none, match, multi_match, term, terms, range, exists, "
                              "ids, prefix, bool, constant_score, dis_max and knn"));
  }
  return rows;
}

const MemberTable<NamedQuery> k_queries{"query", "query", k_query_name_dialect,
                                        {{{"match_all", k_object, read_query<parse_match_all>},
                                          {"match_none", k_object, read_query<parse_match_none>},
                                          {"match", k_object, read_query<parse_match>},
                                          {"multi_match", k_object, read_query<parse_multi_match>},
                                          {"term", k_object, read_query<parse_term>},
                                          {"terms", k_object, read_query<parse_terms>},
                                          {"range", k_object, read_query<parse_range>},
                                          {"exists", k_object, read_query<parse_exists>},
                                          {"ids", k_object, read_query<parse_ids>},
                                          {"prefix", k_object, read_query<parse_prefix>},
                                          {"bool", k_object, read_query<parse_bool>},
                                          {"constant_score", k_object, read_query<parse_constant_score>},
                                          {"dis_max", k_object, read_query<parse_dis_max>},
                                          {"knn", k_object, read_query<parse_knn_query>}},
                                         foreign_queries()}};

}  // namespace

float boost_from(std::string_view text) {
  float boost = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, boost);
  if (text.empty() || stop != end || (code != std::errc() && code != std::errc::result_out_of_range))
    refuse({400, "number_format_exception", "For input string: \"" + std::string(text) + "\""});
  if (code == std::errc::result_out_of_range) {
    const bool small = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    boost = small ? 0 : std::numeric_limits<float>::infinity();
  }
  if (is_negative_boost(boost)) refuse(negative_boost(text));
  return boost;
}

float read_boost(const JsonView& value, std::string_view name) {
  const auto boost = static_cast<float>(read_double(value, name));
  if (is_negative_boost(boost)) refuse(negative_boost(value.text()));
  return boost;
}

bool is_negative_boost(float boost) {
  return std::signbit(boost) && !std::isnan(boost);
}

ElasticError negative_boost(std::string_view boost) {
  return illegal_argument("negative [boost] are not allowed in [" + std::string(boost) +
                          "], use a value between 0 and 1 to deboost");
}

void QueryBudget::clause() {
  if (++clauses_ > limits_.max_clauses) throw TooManyClauses{};
}

void QueryBudget::value() {
  if (++values_ <= limits_.max_query_values) return;
  refuse(illegal_argument("the [terms] and [ids] queries of a search may hold [" +
                          std::to_string(limits_.max_query_values) +
                          "] values together; send fewer, or raise --elasticsearch-max-query-values"));
}

void QueryBudget::knn(int num_candidates) {
  if (++knn_clauses_ > limits_.max_knn_clauses) {
    refuse(illegal_argument("a search may hold [" + std::to_string(limits_.max_knn_clauses) +
                            "] [knn] clauses; send fewer, or raise --elasticsearch-max-knn-clauses"));
  }
  candidates_ += static_cast<std::size_t>(num_candidates);
  if (candidates_ <= limits_.max_knn_candidates) return;
  refuse(illegal_argument("the [knn] clauses of a search may have [" +
                          std::to_string(limits_.max_knn_candidates) +
                          "] [num_candidates] together; ask for fewer, or raise "
                          "--elasticsearch-max-knn-candidates"));
}

QueryPtr parse_query(const JsonView& value, const QueryContext& context) {
  if (!value.is_object())
    refuse(parsing_exception(value, "[_na] query malformed, must start with start_object"));
  if (value.size() == 0) {
    const auto [line, column] = value.end_position();
    refuse(illegal_argument("query malformed, empty clause found at [" + std::to_string(line) + ":" +
                            std::to_string(column - 1) + "]"));
  }
  if (context.depth > context.budget.limits().max_query_depth) {
    refuse(
        illegal_argument("The nested depth of the query exceeds the maximum nested depth for queries set in "
                         "[indices.query.bool.max_nested_depth]"));
  }
  check_cancelled();
  context.budget.clause();
  NamedQuery named{context};
  std::string_view name;
  value.each_member([&](const JsonView& key, const JsonView& body) {
    if (named.query) {
      refuse(parsing_exception(key, "[" + std::string(name) +
                                        "] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"));
    }
    name = key.text();
    k_queries.read_member(key, body, named);
  });
  const auto query = std::make_shared<const Query>(*std::move(named.query));
  if (query->name && context.named) context.named->push_back(query);
  return query;
}

}  // namespace sightline::elastic
