#include "server/elastic/embedded/search/search_body.h"

#include <algorithm>
#include <array>

#include "server/elastic/embedded/search/query_parser.h"
#include "server/elastic/embedded/search/query_string.h"
#include "server/elastic/embedded/search/sort_parser.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

int checked_size(std::int64_t size) {
  if (size < 0)
    refuse(illegal_argument("[size] parameter cannot be negative, found [" + std::to_string(size) + "]"));
  return static_cast<int>(std::min<std::int64_t>(size, std::numeric_limits<int>::max()));
}

int checked_from(std::int64_t from) {
  if (from < 0)
    refuse(illegal_argument("[from] parameter cannot be negative but was [" + std::to_string(from) + "]"));
  return static_cast<int>(std::min<std::int64_t>(from, std::numeric_limits<int>::max()));
}

std::int64_t checked_tracking(std::int64_t limit) {
  if (limit < -1) {
    refuse(illegal_argument("[track_total_hits] parameter must be positive or equals to -1, got " +
                            std::to_string(limit)));
  }
  return limit;
}

std::int64_t read_tracking(const JsonView& value) {
  if (value.is_bool() || value.text() == "true" || value.text() == "false") {
    return value.text() == "true" || value.kind() == JsonView::Kind::true_ ? k_count_all : k_count_none;
  }
  return checked_tracking(read_integer(value, "track_total_hits"));
}

/// Lists of patterns of a `_source` object.
template <std::vector<std::string> rest::SourceFilter::* List>
void read_patterns(const JsonView&, const JsonView& value, rest::SourceFilter& filter) {
  value.each_or_self([&](const JsonView& item) {
    if (!item.is_string())
      refuse(parsing_exception(item, std::string("Unknown key for a ") + token_name(item) + " in [_source]."));
    (filter.*List).emplace_back(item.text());
  });
}

constexpr Kinds k_patterns = k_text | k_array;
const MemberTable<rest::SourceFilter> k_source{
    "`_source`", "_source", k_key_dialect,
    {{"includes", k_patterns, read_patterns<&rest::SourceFilter::includes>},
     {"include", k_patterns, read_patterns<&rest::SourceFilter::includes>, "an old name of `includes`"},
     {"excludes", k_patterns, read_patterns<&rest::SourceFilter::excludes>},
     {"exclude", k_patterns, read_patterns<&rest::SourceFilter::excludes>, "an old name of `excludes`"},
     {"exclude_vectors", k_flags, into<&rest::SourceFilter::exclude_vectors, read_bool>}}};

/// One entry of `fields`.
const MemberTable<FieldRequest> k_field_entry{
    "search body, `fields`", "fetch_field_and_format", k_object_dialect,
    {{"field", k_text, into<&FieldRequest::pattern, read_text>, "a name or a pattern"},
     {"format", k_text | k_null,
      [](const JsonView& key, const JsonView& value, FieldRequest& field) {
        if (!value.is_null()) field.format = read_filled_text(value, key.text());
      },
      "of dates; other fields refuse it"},
     only_some("include_unmapped", k_flags, only_false, "`false`")}};

std::vector<FieldRequest> read_fields(const JsonView& value, const Limits& limits) {
  if (auto refusal = rest::check_pattern_count("fields", value.size(), limits.max_patterns))
    refuse(*std::move(refusal));
  std::vector<FieldRequest> fields;
  value.each_element([&](const JsonView& item) {
    FieldRequest field;
    if (item.is_object()) {
      k_field_entry.read(item, field);
      if (field.pattern.empty()) refuse(illegal_argument("Required [field]"));
    } else {
      field.pattern = read_text(item, "fields");
    }
    fields.push_back(std::move(field));
  });
  return fields;
}

std::vector<std::optional<Literal>> read_search_after(const JsonView& value) {
  std::vector<std::optional<Literal>> values;
  value.each_element([&](const JsonView& item) {
    if (item.is_null()) {
      values.emplace_back();
      return;
    }
    if (!item.is_scalar())
      refuse(parsing_exception(
          item, "Expected [VALUE_STRING] or [VALUE_NUMBER] or [VALUE_BOOLEAN] or [VALUE_NULL] but found [" +
                    std::string(token_name(item)) + "] inside search_after."));
    const auto kind = item.is_bool()     ? Literal::Kind::boolean
                      : item.is_number() ? Literal::Kind::number
                                         : Literal::Kind::string;
    values.push_back(Literal{kind, std::string(item.text())});
  });
  if (values.empty()) refuse(illegal_argument("Values must contains at least one value."));
  return values;
}

std::vector<Query> read_knn(const JsonView& value, const QueryContext& context) {
  std::vector<Query> knn;
  value.each_or_self([&](const JsonView& item) {
    if (!item.is_object()) {
      refuse(content_exception(
          item, "malformed knn format, within the knn search array only objects are allowed; found " +
                    std::string(token_name(item))));
    }
    knn.push_back(parse_knn(item, context, KnnPlace::top));
  });
  return knn;
}

/// A filter beside a query, which need not score.
QueryPtr filtered(QueryPtr query, std::vector<QueryPtr> filters) {
  if (filters.empty()) return query;
  BoolQuery both;
  if (query) both.must.push_back(std::move(query));
  both.filter = std::move(filters);
  return std::make_shared<const Query>(Query{std::move(both)});
}

/// What the members of a search body, or of its retriever, are read into.
struct BodyReading {
  const QueryContext& context;
  SearchBody& body;
  std::vector<QueryPtr> filters = {};  ///< of a retriever
};

template <auto Field, auto Read>
void into_body(const JsonView& key, const JsonView& value, BodyReading& reading) {
  reading.body.*Field = Read(value, key.text());
}

float read_score(const JsonView& value, std::string_view name) {
  return static_cast<float>(read_double(value, name));
}

void read_main_query(const JsonView&, const JsonView& value, BodyReading& reading) {
  reading.body.query = parse_query(value, reading.context);
}

void read_sort(const JsonView&, const JsonView& value, BodyReading& reading) {
  reading.body.sort = parse_sort(value, reading.context.budget.limits());
}

std::optional<std::vector<std::optional<Literal>>> read_after(const JsonView& value, std::string_view) {
  return read_search_after(value);
}

void read_retriever_filter(const JsonView&, const JsonView& value, BodyReading& reading) {
  value.each_or_self(
      [&](const JsonView& clause) { reading.filters.push_back(parse_query(clause, reading.context)); });
}

/// Answers show the name of a retriever nowhere but in `explain` and `profile`.
const UnreadMember k_retriever_name =
    no_effect("_name", k_text, check_nothing, "it is shown by `explain` and `profile` alone");

const MemberTable<BodyReading> k_standard_retriever{
    "retriever `standard`", "standard", k_object_dialect,
    {{"query", k_object, read_main_query},
     {"filter", k_object | k_array, read_retriever_filter},
     {"min_score", k_numbers, into_body<&SearchBody::min_score, read_score>},
     {"sort", k_text | k_object | k_array, read_sort},
     {"search_after", k_array, into_body<&SearchBody::search_after, read_after>},
     only_some("terminate_after", k_numbers, only_zero, "0"),
     refused("collapse", k_object),
     k_retriever_name}};

void read_standard_retriever(const JsonView&, const JsonView& value, BodyReading& outer) {
  BodyReading reading{outer.context, outer.body};
  k_standard_retriever.read(value, reading);
  reading.body.query = filtered(std::move(reading.body.query), std::move(reading.filters));
}

void read_knn_retriever(const JsonView&, const JsonView& value, BodyReading& reading) {
  for (const char* required : {"k", "num_candidates"}) {
    if (!value.member(required)) refuse(illegal_argument("Required [" + std::string(required) + "]"));
  }
  reading.body.knn.push_back(parse_knn(value, reading.context, KnnPlace::retriever));
}

ElasticError unknown_retriever(const MemberTableBase&, const JsonView& key, const JsonView& value) {
  ElasticError error = parsing_exception(value, "unknown retriever [" + std::string(key.text()) + "]");
  error.cause_type = "named_object_not_found_exception";
  error.cause_reason = position_text(value) + " unknown field [" + std::string(key.text()) + "]";
  return error;
}

ElasticError retriever_without_body(const MemberTableBase&, const JsonView& key, const JsonView& value) {
  return parsing_exception(
      value, "[" + std::string(key.text()) + "] retriever malformed, no start_object after retriever name");
}

constexpr std::string_view k_own_retrievers = "it has standard and knn";
const Dialect k_retriever_dialect{unknown_retriever, retriever_without_body};
const MemberTable<BodyReading> k_retrievers{"search body, `retriever`", "retriever", k_retriever_dialect,
                                            {{"standard", k_object, read_standard_retriever},
                                             {"knn", k_object, read_knn_retriever},
                                             refused("rrf", k_object, k_own_retrievers),
                                             refused("linear", k_object, k_own_retrievers),
                                             refused("rescorer", k_object, k_own_retrievers),
                                             refused("text_similarity_reranker", k_object, k_own_retrievers),
                                             refused("diversify", k_object, k_own_retrievers),
                                             refused("pinned", k_object, k_own_retrievers),
                                             refused("rule", k_object, k_own_retrievers)}};

void read_retriever(const JsonView&, const JsonView& value, BodyReading& reading) {
  if (value.size() != 1)
    refuse(parsing_exception(value, "retriever malformed, must hold exactly one retriever"));
  k_retrievers.read(value, reading);
}

std::optional<std::chrono::milliseconds> read_keep_alive(const JsonView& value, std::string_view name) {
  rest::check_time(value, name);
  return read_time(read_text(value, name));
}

const MemberTable<PointInTimeUse> k_point_in_time{
    "search body, `pit`", "pit", k_object_dialect,
    {{"id", k_text, into<&PointInTimeUse::id, read_text>},
     {"keep_alive", k_text, into<&PointInTimeUse::keep_alive, read_keep_alive>}}};

void read_point_in_time(const JsonView&, const JsonView& value, BodyReading& reading) {
  PointInTimeUse use;
  k_point_in_time.read(value, use);
  if (use.id.empty()) refuse(illegal_argument("point in time id is not provided"));
  reading.body.point_in_time = std::move(use);
}

void check_texts(const JsonView& value, std::string_view name) {
  value.each_element([&](const JsonView& item) {
    if (!item.is_string())
      refuse(parsing_exception(item, "Unknown key for a value in [" + std::string(name) + "]."));
  });
}

constexpr std::string_view k_no_node_figures = "they count in the statistics of nodes, of which there are none";
const MemberTable<BodyReading> k_body{
    "search body", "search", k_key_dialect,
    {{"query", k_object, read_main_query},
     {"knn", k_object | k_array,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.knn = read_knn(value, reading.context);
      }},
     {"retriever", k_object, read_retriever},
     {"size", k_scalars,
      [](const JsonView& key, const JsonView& value, BodyReading& reading) {
        reading.body.size = checked_size(read_integer(value, key.text()));
      }},
     {"from", k_scalars,
      [](const JsonView& key, const JsonView& value, BodyReading& reading) {
        reading.body.from = checked_from(read_integer(value, key.text()));
      }},
     {"_source", k_flags | k_object | k_array,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.source = read_source_filter(value, reading.context.budget.limits().max_patterns);
      }},
     {"fields", k_array,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.fields = read_fields(value, reading.context.budget.limits());
      }},
     {"min_score", k_scalars, into_body<&SearchBody::min_score, read_score>},
     {"sort", k_scalars | k_object | k_array, read_sort},
     {"search_after", k_array, into_body<&SearchBody::search_after, read_after>},
     {"track_total_hits", k_scalars,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.track_total_hits = read_tracking(value);
      }},
     {"track_scores", k_scalars, into_body<&SearchBody::track_scores, read_bool>},
     {"post_filter", k_object,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.post_filter = parse_query(value, reading.context);
      }},
     {"version", k_scalars, into_body<&SearchBody::version, read_bool>},
     {"seq_no_primary_term", k_scalars, into_body<&SearchBody::seq_no_primary_term, read_bool>},
     {"aggs", k_object,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.aggregations = parse_aggregations(value, reading.context.budget.limits());
      }},
     {"aggregations", k_object,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.aggregations = parse_aggregations(value, reading.context.budget.limits());
      }},
     rest::no_effect("timeout", k_scalars, rest::check_time, "a search runs to its end; Elasticsearch keeps it as well as it can"),
     no_effect("stats", k_array, check_texts, k_no_node_figures),
     only_some("explain", k_scalars, only_false, "`false`"),
     only_some("profile", k_scalars, only_false, "`false`"),
     only_some("terminate_after", k_scalars, only_zero, "0"),
     refused("stored_fields", k_text | k_flag | k_array, "ask with `fields` or `_source`"),
     refused("docvalue_fields", k_array, "ask with `fields`"),
     refused("script_fields", k_object),
     refused("runtime_mappings", k_object),
     refused("indices_boost", k_array),
     refused("highlight", k_object),
     refused("suggest", k_object),
     refused("rescore", k_object | k_array),
     refused("collapse", k_object),
     refused("slice", k_object),
     {"pit", k_object, read_point_in_time, "for searches without an index in the path"},
     refused("ext", k_object),
     refused("rank", k_object)}};

void read_body(const JsonView& root, QueryBudget& budget, SearchBody& body) {
  if (!root.is_object()) {
    refuse(
        parsing_exception(root, std::string("Expected [START_OBJECT] but found [") + token_name(root) + "]"));
  }
  QueryContext context{budget};
  context.named = &body.named;
  if (const auto size = root.member("size"); size && (size->is_number() || size->is_string())) {
    context.size = checked_size(read_integer(*size, "size"));
  }
  for (const char* other : {"query", "knn", "sort", "search_after", "min_score", "post_filter"}) {
    if (root.member("retriever") && root.member(other)) {
      refuse({400, "action_request_validation_exception",
              std::string("Validation Failed: 1: cannot specify [retriever] and [") + other + "];"});
    }
  }
  BodyReading reading{context, body};
  k_body.read(root, reading);
}

QueryPtr read_q(const QueryStringParameters& parameters, QueryBudget& budget) {
  if (parameters.q) {
    const std::string default_field = parameters.default_field.value_or("");
    // Without a field to look in all are, of which most fit no word.
    const bool lenient = parameters.lenient.value_or(default_field.empty());
    return parse_query_string(*parameters.q, default_field, parameters.all_terms.value_or(false), lenient,
                              budget);
  }
  if (parameters.beside_q.empty()) return nullptr;
  std::string names;
  for (const std::string& name : parameters.beside_q) names += (names.empty() ? "" : ", ") + name;
  refuse(illegal_argument("request contains parameters [" + names +
                          "] but missing query string parameter 'q'."));
}

void read_parameters(const SearchParameters& parameters, QueryBudget& budget, SearchBody& body) {
  if (parameters.from) body.from = checked_from(*parameters.from);
  if (parameters.size) body.size = checked_size(*parameters.size);
  if (QueryPtr q = read_q(parameters, budget)) body.query = std::move(q);
  if (parameters.sort) body.sort = parse_sort_parameter(*parameters.sort, budget.limits());
  body.source = source_with(parameters, std::move(body.source), budget.limits().max_patterns);
  if (parameters.track_total_hits) body.track_total_hits = checked_tracking(*parameters.track_total_hits);
  body.version = parameters.version.value_or(body.version);
  body.seq_no_primary_term = parameters.seq_no_primary_term.value_or(body.seq_no_primary_term);
  body.track_scores = parameters.track_scores.value_or(body.track_scores);
  body.total_hits_as_int = parameters.total_hits_as_int;
  body.typed_keys = parameters.typed_keys;
  body.named_queries_score = parameters.named_queries_score;
  body.over_all_indices = parameters.over_all_indices.value_or(false);
  body.scroll = parameters.scroll;
}

// The rows of the parameters

bool read_default_operator(const std::string& text) {
  if (text != "OR" && text != "or" && text != "AND" && text != "and") {
    refuse(illegal_argument("Unsupported defaultOperator [" + shortened(text) +
                            "], can either be [OR] or [AND]"));
  }
  return text == "AND" || text == "and";
}

template <class Target>
std::vector<Parameter<Target>> query_string_rows() {
  using namespace parameter;
  return {{"q", "text", [](std::string_view, const std::string& text, Target& target) { target.q = text; },
           "plain words, `field:word`, `_exists_:field`, AND, OR, NOT, `+`, `-`"},
          {"df", "text",
           [](std::string_view name, const std::string& text, Target& target) {
             target.default_field = text;
             target.beside_q.emplace_back(name);
           },
           "beside `q`"},
          {"default_operator", "AND or OR",
           [](std::string_view name, const std::string& text, Target& target) {
             target.beside_q.emplace_back(name);
             target.all_terms = read_default_operator(text);
           },
           "beside `q`"},
          {"lenient", "flag",
           [](std::string_view name, const std::string& text, Target& target) {
             target.beside_q.emplace_back(name);
             target.lenient = flag(name, text);
           },
           "beside `q`"},
          Parameter<Target>(no_effect("analyze_wildcard", "flag", parameter::check_flag,
                                      "beside `q`, in which wildcards are refused"))
              .and_read([](std::string_view name, const std::string&, Target& target) {
                target.beside_q.emplace_back(name);
              }),
          refused("analyzer", "text", "the field's own analyzer is used")};
}

/// Those that a search and a count share.
template <class Target>
std::vector<Parameter<Target>> shared_rows() {
  using namespace parameter;
  return {no_effect("preference", "text", check_text, k_one_copy),
          no_effect("ignore_throttled", "flag", check_plain_flag, "no index is frozen"),
          only_some("terminate_after", "number", only_zero, "0"),
          refused("routing", "text", k_no_routing)};
}

constexpr std::string_view k_one_machine = "one machine searches its indices one after the other";

std::optional<std::int64_t> tracking_from(std::string_view name, const std::string& text) {
  if (text == "true") return k_count_all;
  if (text == "false") return k_count_none;
  return parameter::integer(name, text);
}

std::optional<bool> search_type_from(std::string_view, const std::string& text) {
  return over_all_indices(text);
}

std::optional<std::chrono::milliseconds> keep_alive(std::string_view name, const std::string& text) {
  return parameter::time(name, text);
}

void check_reduce_size(std::string_view name, const std::string& text) {
  if (parameter::integer(name, text) < 2) refuse(illegal_argument("batchedReduceSize must be >= 2"));
}

std::vector<Parameter<SearchParameters>> search_rows() {
  using namespace parameter;
  using P = SearchParameters;
  return {{"size", "number", parameter::into<&P::size, integer>},
          {"from", "number", parameter::into<&P::from, integer>},
          {"sort", "list", parameter::into<&P::sort, text>},
          {"track_total_hits", "flag or number", parameter::into<&P::track_total_hits, tracking_from>},
          {"track_scores", "flag", parameter::into<&P::track_scores, flag>},
          {"version", "flag", parameter::into<&P::version, flag>},
          {"seq_no_primary_term", "flag", parameter::into<&P::seq_no_primary_term, flag>},
          {"typed_keys", "flag", parameter::into<&P::typed_keys, flag>},
          {"rest_total_hits_as_int", "flag", parameter::into<&P::total_hits_as_int, flag>},
          {"include_named_queries_score", "flag", parameter::into<&P::named_queries_score, flag>},
          {"search_type", "query_then_fetch or dfs_query_then_fetch",
           parameter::into<&P::over_all_indices, search_type_from>,
           "over several indices `dfs_query_then_fetch` is refused"},
          only_some("explain", "flag", only_false, "`false`"),
          only_some("force_synthetic_source", "flag", only_false, "`false`"),
          no_effect("timeout", "time", parameter::check_time, "a search runs to its end"),
          no_effect("request_cache", "flag", parameter::check_flag, "answers are not cached"),
          no_effect("allow_partial_search_results", "flag", parameter::check_flag,
                    "an index that fails fails the search"),
          no_effect("ccs_minimize_roundtrips", "flag", parameter::check_flag, "there is one cluster"),
          no_effect("max_concurrent_shard_requests", "number", parameter::check_positive, k_one_machine),
          no_effect("pre_filter_shard_size", "number", parameter::check_positive, k_one_machine),
          no_effect("batched_reduce_size", "number", check_reduce_size, k_one_machine),
          no_effect("stats", "list", check_text, k_no_node_figures),
          {"scroll", "time", parameter::into<&P::scroll, keep_alive>, "the rest of the hits is kept for that long"},
          refused("stored_fields", "list", "ask with _source"),
          refused("docvalue_fields", "list", "ask with fields in the body"),
          parameter::refused("suggest_field"),
          parameter::refused("suggest_mode"),
          parameter::refused("suggest_size"),
          parameter::refused("suggest_text")};
}

struct CountReading {
  QueryContext context;
  QueryPtr query = {};
};

ElasticError unsupported_by_count(const MemberTableBase&, const JsonView& key, const JsonView&) {
  return parsing_exception(key, "request does not support [" + std::string(key.text()) + "]");
}

const Dialect k_count_dialect{unsupported_by_count, unsupported_by_count};
const MemberTable<CountReading> k_count_body{
    "`_count` body", "count", k_count_dialect,
    {{"query", k_object, [](const JsonView&, const JsonView& value, CountReading& reading) {
        reading.query = parse_query(value, reading.context);
      }}}};

QueryPtr too_many_clauses(const Limits& limits) {
  return std::make_shared<const Query>(Query{TooManyClausesQuery{limits.max_clauses}});
}

/// What a scroll cannot have, all of it told at once.
void check_scroll(const SearchBody& body, bool tracking_given) {
  std::string faults;
  int count = 0;
  const auto fault = [&](bool is_one, const char* text) {
    if (is_one) faults += " " + std::to_string(++count) + ": " + text + ";";
  };
  fault(tracking_given && body.track_total_hits != k_count_all,
        "disabling [track_total_hits] is not allowed in a scroll context");
  fault(body.from > 0, "using [from] is not allowed in a scroll context");
  fault(body.size == 0, "[size] cannot be [0] in a scroll context");
  fault(body.search_after.has_value(), "[search_after] cannot be used in a scroll context");
  fault(body.point_in_time.has_value(), "using [point in time] is not allowed in a scroll context");
  if (count > 0) refuse({400, "action_request_validation_exception", "Validation Failed:" + faults});
}

/// What can only be judged with body and parameters together.
void check_whole(SearchBody& body, bool tracking_given) {
  if (body.scroll) {
    check_scroll(body, tracking_given);
    body.track_total_hits = k_count_all;
  }
  if (body.total_hits_as_int) {
    if (tracking_given && body.track_total_hits != k_count_all && body.track_total_hits != k_count_none) {
      refuse(illegal_argument(
          "[rest_total_hits_as_int] cannot be used if the tracking of total hits is not accurate, got " +
          std::to_string(body.track_total_hits)));
    }
    if (!tracking_given) body.track_total_hits = k_count_all;
  }
  if (body.search_after) {
    if (body.from > 0) {
      refuse({400, "action_request_validation_exception",
              "Validation Failed: 1: [from] parameter must be set to 0 when [search_after] is used;"});
    }
  }
  // By score alone, the best first, is what happens without `sort`.
  if (body.sort.size() == 1 && body.sort[0].kind == SortKey::Kind::score && body.sort[0].descending)
    body.sort.clear();
  const auto by_place = [](const SortKey& key) { return key.kind == SortKey::Kind::shard_document; };
  if (body.point_in_time && !body.sort.empty() && std::none_of(body.sort.begin(), body.sort.end(), by_place)) {
    body.sort.push_back({.kind = SortKey::Kind::shard_document, .field = "_shard_doc"});
    body.breaks_ties = true;
  }
}

}  // namespace

const ParameterTable<SearchParameters> k_search_parameters{
    {search_rows(), query_string_rows<SearchParameters>(), source_rows<SearchParameters>(),
     indices_rows<SearchParameters>(), shared_rows<SearchParameters>()}};
const ParameterTable<CountParameters> k_count_parameters{
    {{{"min_score", "number", parameter::into<&CountParameters::min_score, parameter::decimal>}},
     query_string_rows<CountParameters>(),
     indices_rows<CountParameters>(),
     shared_rows<CountParameters>()}};

rest::SourceFilter read_source_filter(const JsonView& value, std::size_t max_patterns) {
  rest::SourceFilter filter;
  if (value.is_object()) {
    k_source.read(value, filter);
  } else if (value.is_bool() || value.text() == "true" || value.text() == "false") {
    filter.enabled = read_bool(value, "_source");
  } else {
    read_patterns<&rest::SourceFilter::includes>(value, value, filter);
  }
  if (auto refusal = rest::check_pattern_count("_source", filter.includes.size() + filter.excludes.size(),
                                               max_patterns))
    refuse(*std::move(refusal));
  return filter;
}

bool over_all_indices(std::string_view search_type) {
  if (search_type != "query_then_fetch" && search_type != "dfs_query_then_fetch")
    refuse(illegal_argument("No search type for [" + std::string(search_type) + "]"));
  return search_type == "dfs_query_then_fetch";
}

Answer<SearchBody> parse_search(std::string_view text, const SearchParameters& parameters,
                                const Limits& limits) {
  try {
    SearchBody body;
    QueryBudget budget(limits);
    bool tracking_given = parameters.track_total_hits.has_value();
    if (!text.empty()) {
      const auto tape = rest::JsonTape::parse(text);
      if (!tape) return tape.error();
      const JsonView root(*tape, 0);
      read_body(root, budget, body);
      tracking_given = tracking_given || (root.is_object() && root.member("track_total_hits"));
    }
    read_parameters(parameters, budget, body);
    body.text_bytes = text.size();
    check_whole(body, tracking_given);
    return body;
  } catch (Refused& refused) {
    return std::move(refused.error);
  } catch (const TooManyClauses&) {
    SearchBody body;
    body.query = too_many_clauses(limits);
    return body;
  }
}

Answer<QueryPtr> parse_query_body(std::string_view text, const QueryStringParameters& parameters,
                                  const Limits& limits) {
  try {
    QueryBudget budget(limits);
    QueryPtr query = read_q(parameters, budget);
    if (query || text.empty()) return query;
    const auto tape = rest::JsonTape::parse(text);
    if (!tape) {
      ElasticError error{400, "parsing_exception", "Failed to parse"};
      error.line = error.column = 1;
      error.causes.push_back(tape.error());
      return error;
    }
    const JsonView root(*tape, 0);
    if (!root.is_object())
      refuse(parsing_exception(root,
                               std::string("Expected [START_OBJECT] but found [") + token_name(root) + "]"));
    CountReading reading{{budget}};
    k_count_body.read(root, reading);
    return std::move(reading.query);
  } catch (Refused& refused) {
    return std::move(refused.error);
  } catch (const TooManyClauses&) {
    return too_many_clauses(limits);
  }
}

}  // namespace sightline::elastic
