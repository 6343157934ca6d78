#include "server/elastic/embedded/search/query_parser.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/cancellation.h"
#include "base/json/utf8.h"
#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/failures.h"
#include "server/elastic/rest/document_id.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

/// Reads a member whose key is a field's name. A query may have one.
void take_field(std::string_view query, const JsonView& key, std::string& field) {
  if (!field.empty()) {
    refuse(parsing_exception(key, "[" + std::string(query) + "] query doesn't support multiple fields, found [" +
                                      field + "] and [" + std::string(key.text()) + "]"));
  }
  field = key.text();
  if (field.empty()) refuse(illegal_argument("field name is null or empty"));
  const bool of_words = query == "match" || query == "term" || query == "terms";
  if (!of_words || (field != "_id" && field != "_index")) refuse_metadata_field(field, "[" + std::string(query) + "]");
}

/// The result of reading one query. `Node` is the kind of query.
template <class Node>
struct Reading {
  const QueryContext& context;
  Query query = {};
  Node node = {};
  bool has_value = false;                                   ///< the text, value or vector that a query of a field needs
  std::optional<std::int64_t> k = {}, num_candidates = {};  ///< of a knn query, as given

  Query finish() && {
    query.node = std::move(node);
    return std::move(query);
  }
};

/// Stores `Read(value, name)` in a field of the query.
template <auto Field, auto Read>
void into_node(const JsonView& key, const JsonView& value,
               Reading<typename OwnerOfField<decltype(Field)>::Type>& reading) {
  reading.node.*Field = Read(value, key.text());
}

/// Refuses negative values and those that are not finite.
float read_boost(const JsonView& value, std::string_view name) {
  const float boost = read_float(value, name);
  if (std::signbit(boost) || !std::isfinite(boost))
    refuse(illegal_argument("[boost] must be finite and not negative, found [" + shortened(value.text()) + "]"));
  return boost;
}

/// Members that every query has.
template <class Node>
std::vector<Member<Reading<Node>>> shared_rows() {
  return {{"boost", k_numbers,
           [](const JsonView& key, const JsonView& value, Reading<Node>& reading) {
             reading.query.boost = read_boost(value, key.text());
           },
           "multiplies scores; negative and infinite ones are refused"}};
}

/// A query that was found by its name.
struct ChosenQuery {
  const QueryContext& context;
  std::optional<Query> query = {};
};

/// Reads a query that consists of the members of a table. `Check(body, reading)` refuses incomplete ones.
template <class Node, const MemberTable<Reading<Node>>& Table, auto Check = nullptr>
void read_plain(const JsonView&, const JsonView& body, ChosenQuery& chosen) {
  Reading<Node> reading{chosen.context};
  Table.read(body, reading);
  if constexpr (!std::is_null_pointer_v<decltype(Check)>) Check(body, reading);
  chosen.query = std::move(reading).finish();
}

/// Reads `{"field": {...}}` with exactly one field. With a `ReadShort`, also reads `{"field": value}`, and requires a
/// value.
template <class Node, const MemberTable<Reading<Node>>& Table, auto ReadShort>
void read_fielded(const JsonView&, const JsonView& body, ChosenQuery& chosen) {
  constexpr bool k_needs_value = !std::is_null_pointer_v<decltype(ReadShort)>;
  Reading<Node> reading{chosen.context};
  body.each_member([&](const JsonView& key, const JsonView& value) {
    take_field(Table.parser(), key, reading.node.field);
    if (value.is_object()) return Table.read(value, reading);
    if constexpr (k_needs_value) return ReadShort(value, value, reading);
    refuse(parsing_exception(value, "[" + std::string(Table.parser()) + "] query needs an object"));
  });
  if (reading.node.field.empty() || (k_needs_value && !reading.has_value))
    refuse(illegal_argument("[" + std::string(Table.parser()) + "] query needs a field and a value"));
  chosen.query = std::move(reading).finish();
}

// match_all, match_none

const MemberTable<Reading<MatchAllQuery>> k_match_all{
    "query `match_all`", "match_all", k_parsing_error, {shared_rows<MatchAllQuery>()}};

void check_boost(const JsonView& value, std::string_view name) {
  read_boost(value, name);
}

const MemberTable<Reading<MatchNoneQuery>> k_match_none{
    "query `match_none`",
    "match_none",
    k_parsing_error,
    {no_effect("boost", k_numbers, check_boost, "it matches nothing")}};

// match, multi_match

bool read_operator(const JsonView& value, std::string_view name) {
  std::string word = read_text(value, name);
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  if (word != "and" && word != "or") refuse(illegal_argument("[operator] must be [and] or [or], found [" + word + "]"));
  return word == "and";
}

template <class Node>
void read_match_text(const JsonView&, const JsonView& value, Reading<Node>& reading) {
  reading.node.text = read_literal(value);
  reading.has_value = true;
}

template <class Node>
std::vector<Member<Reading<Node>>> match_rows() {
  return {{"query", k_scalars, read_match_text<Node>},
          {"operator", k_text,
           [](const JsonView& key, const JsonView& value, Reading<Node>& reading) {
             reading.node.all_terms = read_operator(value, key.text());
           },
           "`and` or `or`"}};
}

const MemberTable<Reading<MatchQuery>> k_match{
    "query `match`", "match", k_parsing_error, {match_rows<MatchQuery>(), shared_rows<MatchQuery>()}};

/// `title` or `title^2`.
std::pair<std::string, float> read_boosted_field(const JsonView& value) {
  const std::string name = read_text(value, "fields");
  const std::size_t caret = name.find('^');
  if (caret == std::string::npos) return {name, 1.0f};
  float boost = 0;
  const char* end = name.data() + name.size();
  const auto [stop, code] = std::from_chars(name.data() + caret + 1, end, boost);
  if (stop != end || code != std::errc() || std::signbit(boost) || !std::isfinite(boost))
    refuse(illegal_argument("the boost of [" + shortened(name) + "] must be a number that is not negative"));
  return {name.substr(0, caret), boost};
}

void read_multi_match_fields(const JsonView&, const JsonView& value, Reading<MultiMatchQuery>& reading) {
  value.each_or_self([&](const JsonView& item) {
    reading.context.budget.clause();
    reading.node.fields.push_back(read_boosted_field(item));
    refuse_metadata_field(reading.node.fields.back().first, "[multi_match]");
  });
}

const MemberTable<Reading<MultiMatchQuery>> k_multi_match{
    "query `multi_match`",
    "multi_match",
    k_parsing_error,
    {{{"fields", k_text | k_array, read_multi_match_fields, "names, patterns, and boosts as in `title^2`"}},
     match_rows<MultiMatchQuery>(),
     shared_rows<MultiMatchQuery>()}};

void complete_multi_match(const JsonView& body, Reading<MultiMatchQuery>& reading) {
  if (!reading.has_value) refuse(parsing_exception(body, "No text specified for multi_match query"));
  if (reading.node.fields.empty()) reading.node.fields.emplace_back("*", 1.0f);
}

// term, terms, range, exists, ids, prefix

void read_term(const JsonView&, const JsonView& value, Reading<TermQuery>& reading) {
  reading.node.value = read_literal(value);
  reading.has_value = true;
}

const MemberTable<Reading<TermQuery>> k_term{
    "query `term`",
    "term",
    k_parsing_error,
    {{{"value", k_scalars, read_term},
      {"case_insensitive", k_flags, into_node<&TermQuery::case_insensitive, read_bool>}},
     shared_rows<TermQuery>()}};

const MemberTable<Reading<TermsQuery>> k_terms{
    "query `terms`, beside the field", "terms", k_parsing_error, {shared_rows<TermsQuery>()}};

void read_terms(const JsonView&, const JsonView& body, ChosenQuery& chosen) {
  Reading<TermsQuery> reading{chosen.context};
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (k_terms.knows(key.text())) return k_terms.read_member(key, value, reading);
    take_field("terms", key, reading.node.field);
    if (!value.is_array())
      refuse(parsing_exception(key, "[terms] query needs a list for [" + std::string(key.text()) + "]"));
    value.each_element([&](const JsonView& item) {
      chosen.context.budget.value();
      reading.node.values.push_back(read_literal(item));
    });
  });
  if (reading.node.field.empty()) refuse(parsing_exception(body, "[terms] query requires a field name"));
  chosen.query = std::move(reading).finish();
}

/// Reads gte, gt, lte, lt. Null means no bound.
void read_bound(const JsonView& key, const JsonView& value, Reading<RangeQuery>& reading) {
  const std::string_view name = key.text();
  auto& bound = name[0] == 'g' ? reading.node.lower : reading.node.upper;
  bound.reset();
  if (!value.is_null()) bound = RangeBound{read_literal(value), name.size() == 3};
}

constexpr Kinds k_bounds = k_scalars | k_null;
const MemberTable<Reading<RangeQuery>> k_range{"query `range`",
                                               "range",
                                               k_parsing_error,
                                               {{{"gte", k_bounds, read_bound},
                                                 {"gt", k_bounds, read_bound},
                                                 {"lte", k_bounds, read_bound},
                                                 {"lt", k_bounds, read_bound}},
                                                shared_rows<RangeQuery>()}};

const MemberTable<Reading<ExistsQuery>> k_exists{
    "query `exists`",
    "exists",
    k_parsing_error,
    {{{"field", k_text, into_node<&ExistsQuery::field, read_text>}}, shared_rows<ExistsQuery>()}};

void check_exists(const JsonView& body, const Reading<ExistsQuery>& reading) {
  const std::string& field = reading.node.field;
  if (field.empty()) refuse(parsing_exception(body, "[exists] must be provided with a [field]"));
  if (field != "_id" && field != "_index") refuse_metadata_field(field, "[exists]");
}

void read_ids(const JsonView& key, const JsonView& value, Reading<IdsQuery>& reading) {
  value.each_or_self([&](const JsonView& item) {
    reading.context.budget.value();
    reading.node.ids.push_back(rest::document_id(read_filled_text(item, key.text())));
  });
}

const MemberTable<Reading<IdsQuery>> k_ids{
    "query `ids`", "ids", k_parsing_error, {{{"values", k_text | k_array, read_ids}}, shared_rows<IdsQuery>()}};

void read_prefix(const JsonView& key, const JsonView& value, Reading<PrefixQuery>& reading) {
  reading.node.value = json::java_utf8(read_text(value, key.text()));
  reading.has_value = true;
}

const MemberTable<Reading<PrefixQuery>> k_prefix{
    "query `prefix`",
    "prefix",
    k_parsing_error,
    {{{"value", k_text, read_prefix},
      {"case_insensitive", k_flags, into_node<&PrefixQuery::case_insensitive, read_bool>}},
     shared_rows<PrefixQuery>()}};

// bool, constant_score

template <auto Clauses>
void read_clauses(const JsonView&, const JsonView& value,
                  Reading<typename OwnerOfField<decltype(Clauses)>::Type>& reading) {
  value.each_or_self(
      [&](const JsonView& clause) { (reading.node.*Clauses).push_back(parse_query(clause, reading.context.inner())); });
}

constexpr Kinds k_clauses = k_object | k_array;
const MemberTable<Reading<BoolQuery>> k_bool{
    "query `bool`",
    "bool",
    k_content_error,
    {{{"must", k_clauses, read_clauses<&BoolQuery::must>},
      {"filter", k_clauses, read_clauses<&BoolQuery::filter>},
      {"should", k_clauses, read_clauses<&BoolQuery::should>},
      {"must_not", k_clauses, read_clauses<&BoolQuery::must_not>},
      {"minimum_should_match", k_numbers, into_node<&BoolQuery::minimum_should_match, read_filled_text>,
       "`2`, `-1`, `75%`"}},
     shared_rows<BoolQuery>()}};

void read_constant_filter(const JsonView&, const JsonView& value, Reading<ConstantScoreQuery>& reading) {
  reading.node.filter = parse_query(value, reading.context.inner());
}

const MemberTable<Reading<ConstantScoreQuery>> k_constant_score{
    "query `constant_score`",
    "constant_score",
    k_parsing_error,
    {{{"filter", k_object, read_constant_filter}}, shared_rows<ConstantScoreQuery>()}};

void check_constant_score(const JsonView& body, const Reading<ConstantScoreQuery>& reading) {
  if (!reading.node.filter) refuse(parsing_exception(body, "[constant_score] requires a 'filter' element"));
}

// knn

constexpr std::int64_t k_max_candidates = 10'000;

using KnnReading = Reading<KnnQuery>;

void read_vector(const JsonView&, const JsonView& value, KnnReading& reading) {
  if (value.size() > static_cast<std::size_t>(k_max_dims)) {
    refuse(illegal_argument("[query_vector] has " + std::to_string(value.size()) + " dimensions; the most are " +
                            std::to_string(k_max_dims)));
  }
  reading.has_value = true;
  reading.node.vector.reserve(value.size());
  value.each_element([&](const JsonView& item) {
    if (!item.is_number())
      refuse({400, "number_format_exception", "[query_vector] must hold numbers, found " + shortened(item.raw())});
    reading.node.vector.push_back(parse_float(item.text()).value_or(0.0f));  // a JSON number always parses
  });
}

void refuse_builder(const JsonView&, const JsonView&, KnnReading&) {
  refuse(illegal_argument(
      "[query_vector_builder] cannot be resolved here: the query vector must be given as [query_vector]"));
}

/// Only whole numbers: a decimal k would be truncated.
std::optional<std::int64_t> read_count(const JsonView& value, std::string_view name) {
  return read_integer(value, name);
}

const MemberTable<KnnReading>::Rows k_knn_rows{
    {"field", k_text, into_node<&KnnQuery::field, read_text>},
    {"query_vector", k_array, read_vector},
    {"query_vector_builder", k_object, refuse_builder, "resolved before the search"},
    {"k", k_numbers, into<&KnnReading::k, read_count>,
     "also of a query on a `flat` field, where Elasticsearch finds every vector"},
    {"num_candidates", k_numbers, into<&KnnReading::num_candidates, read_count>},
    {"similarity", k_numbers, into_node<&KnnQuery::similarity, read_float>},
    {"filter", k_clauses, read_clauses<&KnnQuery::filters>}};
const MemberTable<KnnReading> k_knn_retriever{"retriever `knn`", "knn", k_content_error, {k_knn_rows}};
const MemberTable<KnnReading> k_knn{"`knn`", "knn", k_content_error, {k_knn_rows, shared_rows<KnnQuery>()}};

/// The rules for k and num_candidates, in the order in which Elasticsearch checks them.
void settle_sizes(KnnReading& parts, KnnPlace place) {
  const std::int64_t size = parts.context.size;
  const bool limited = parts.num_candidates && place == KnnPlace::query;
  const std::int64_t k = parts.k.value_or(limited ? std::min(size, *parts.num_candidates) : size);
  if (k < 1) refuse(illegal_argument("[k] must be greater than 0"));
  const std::int64_t candidates = parts.num_candidates.value_or(
      std::llround(std::min(static_cast<double>(k_max_candidates), 1.5 * static_cast<double>(k))));
  if (candidates < 1) refuse(illegal_argument("[num_candidates] must be greater than 0"));
  if (candidates < k) refuse(illegal_argument("[num_candidates] cannot be less than [k]"));
  if (candidates > k_max_candidates) refuse(illegal_argument("[num_candidates] cannot exceed [10000]"));
  parts.node.k = static_cast<int>(k);
  parts.node.num_candidates = static_cast<int>(candidates);
}

void read_knn(const JsonView&, const JsonView& body, ChosenQuery& chosen) {
  chosen.query = parse_knn(body, chosen.context, KnnPlace::query);
}

// The queries by name

const MemberTable<ChosenQuery> k_queries{
    "query",
    "query",
    k_parsing_error,
    {{"match_all", k_object, read_plain<MatchAllQuery, k_match_all>},
     {"match_none", k_object, read_plain<MatchNoneQuery, k_match_none>},
     {"match", k_object, read_fielded<MatchQuery, k_match, read_match_text<MatchQuery>>},
     {"multi_match", k_object, read_plain<MultiMatchQuery, k_multi_match, complete_multi_match>},
     {"term", k_object, read_fielded<TermQuery, k_term, read_term>},
     {"terms", k_object, read_terms},
     {"range", k_object, read_fielded<RangeQuery, k_range, nullptr>},
     {"exists", k_object, read_plain<ExistsQuery, k_exists, check_exists>},
     {"ids", k_object, read_plain<IdsQuery, k_ids>},
     {"prefix", k_object, read_fielded<PrefixQuery, k_prefix, read_prefix>},
     {"bool", k_object, read_plain<BoolQuery, k_bool>},
     {"constant_score", k_object, read_plain<ConstantScoreQuery, k_constant_score, check_constant_score>},
     {"knn", k_object, read_knn}}};

}  // namespace

Literal read_literal(const JsonView& value) {
  if (value.is_bool()) return {Literal::Kind::boolean, value.kind() == JsonView::Kind::true_ ? "true" : "false"};
  if (value.is_number()) return {Literal::Kind::number, std::string(value.text())};
  if (!value.is_string()) refuse(parsing_exception(value, "a text, number or flag was expected"));
  return {Literal::Kind::string, json::java_utf8(value.text())};  // the encoding of the index
}

Query parse_knn(const JsonView& value, const QueryContext& context, KnnPlace place) {
  KnnReading reading{context};
  (place == KnnPlace::retriever ? k_knn_retriever : k_knn).read(value, reading);
  if (reading.node.field.empty()) refuse(illegal_argument("Required [field]"));
  settle_sizes(reading, place);
  if (!reading.has_value) refuse(illegal_argument("either [query_vector] or [query_vector_builder] must be provided"));
  context.budget.knn(reading.node.num_candidates);
  return std::move(reading).finish();
}

void QueryBudget::clause() {
  check_limit("clauses of a search", ++clauses_, limits_.max_clauses, "--elasticsearch-max-clauses");
}

void QueryBudget::value() {
  check_limit("values of [terms] and [ids]", ++values_, limits_.max_query_values, "--elasticsearch-max-query-values");
}

void QueryBudget::knn(int num_candidates) {
  check_limit("[knn] clauses", ++knn_clauses_, limits_.max_knn_clauses, "--elasticsearch-max-knn-clauses");
  candidates_ += static_cast<std::size_t>(num_candidates);
  check_limit("[num_candidates] together", candidates_, limits_.max_knn_candidates,
              "--elasticsearch-max-knn-candidates");
}

QueryPtr parse_query(const JsonView& value, const QueryContext& context) {
  if (!value.is_object()) refuse(parsing_exception(value, "[_na] query malformed, must start with start_object"));
  if (value.size() == 0) refuse(illegal_argument("query malformed, empty clause found at " + position_text(value)));
  if (value.size() > 1) refuse(parsing_exception(value, "malformed query, a clause must have one query"));
  check_limit("levels of nested queries", context.depth, context.budget.limits().max_query_depth,
              "--elasticsearch-max-query-depth");
  check_cancelled();
  context.budget.clause();
  ChosenQuery chosen{context};
  k_queries.read(value, chosen);
  return std::make_shared<const Query>(*std::move(chosen.query));
}

}  // namespace sightline::elastic
