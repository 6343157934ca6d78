#include "server/elastic/local/search/search_body.h"

#include <algorithm>
#include <array>

#include "base/number_text.h"
#include "server/elastic/local/search/query_parser.h"
#include "server/elastic/local/search/query_string.h"
#include "server/elastic/local/search/sort_parser.h"
#include "server/elastic/rest/member_table.h"
#include "server/elastic/rest/router.h"

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
        if (!value.is_null()) field.format = read_text(value, key.text());
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
     no_effect("timeout", k_scalars, check_time, "a search runs to its end; Elasticsearch keeps it as well as it can"),
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
     refused("pit", k_object),
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

std::int64_t integer_parameter(const std::string& name, const std::string& text) {
  if (const auto number = number_from<std::int32_t>(text)) return *number;
  refuse(not_a_number("Failed to parse int parameter [" + name + "] with value [" + text + "]", text));
}

bool flag(const http::Request& request, std::string_view name, bool otherwise) {
  const auto value = rest::query_flag(request, name, otherwise);
  if (!value) refuse(value.error());
  return *value;
}

QueryPtr read_q(const http::Request& request, QueryBudget& budget) {
  const auto q = rest::query_parameter(request, "q");
  if (!q) return nullptr;
  const std::string default_operator = rest::query_parameter(request, "default_operator").value_or("OR");
  if (default_operator != "OR" && default_operator != "or" && default_operator != "AND" &&
      default_operator != "and") {
    refuse(illegal_argument("Unsupported defaultOperator [" + default_operator +
                            "], can either be [OR] or [AND]"));
  }
  return parse_query_string(*q, rest::query_parameter(request, "df").value_or(""),
                            default_operator == "AND" || default_operator == "and", budget);
}

void read_parameters(const http::Request& request, QueryBudget& budget, SearchBody& body) {
  for (const char* foreign :
       {"scroll", "terminate_after", "stored_fields", "docvalue_fields", "suggest_field", "analyzer"}) {
    if (rest::query_parameter(request, foreign)) {
      refuse(
          illegal_argument(std::string("parameter [") + foreign + "] is not supported by this local store"));
    }
  }
  if (const auto from = rest::query_parameter(request, "from"))
    body.from = checked_from(integer_parameter("from", *from));
  if (const auto size = rest::query_parameter(request, "size"))
    body.size = checked_size(integer_parameter("size", *size));
  if (QueryPtr q = read_q(request, budget)) body.query = std::move(q);
  if (const auto sort = rest::query_parameter(request, "sort"))
    body.sort = parse_sort_parameter(*sort, budget.limits());
  auto source = rest::source_filter_of(request, budget.limits().max_patterns, body.source);
  if (!source) refuse(std::move(source).error());
  body.source = *std::move(source);
  if (const auto limit = rest::query_parameter(request, "track_total_hits")) {
    body.track_total_hits = *limit == "true" || limit->empty() ? k_count_all
                            : *limit == "false"
                                ? k_count_none
                                : checked_tracking(integer_parameter("track_total_hits", *limit));
  }
  body.version = flag(request, "version", body.version);
  body.seq_no_primary_term = flag(request, "seq_no_primary_term", body.seq_no_primary_term);
  body.track_scores = flag(request, "track_scores", body.track_scores);
  body.total_hits_as_int = flag(request, "rest_total_hits_as_int", false);
  body.typed_keys = flag(request, "typed_keys", false);
  body.named_queries_score = flag(request, "include_named_queries_score", false);
  if (const auto type = rest::query_parameter(request, "search_type")) body.over_all_indices = over_all_indices(*type);
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

/// What can only be judged with body and parameters together.
void check_whole(SearchBody& body, bool tracking_given) {
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
}

}  // namespace

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

Answer<SearchBody> parse_search(std::string_view text, const http::Request& request, const Limits& limits) {
  try {
    SearchBody body;
    QueryBudget budget(limits);
    bool tracking_given = rest::query_parameter(request, "track_total_hits").has_value();
    if (!text.empty()) {
      const auto tape = rest::JsonTape::parse(text);
      if (!tape) return tape.error();
      const JsonView root(*tape, 0);
      read_body(root, budget, body);
      tracking_given = tracking_given || (root.is_object() && root.member("track_total_hits"));
    }
    read_parameters(request, budget, body);
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

Answer<QueryPtr> parse_query_body(std::string_view text, const http::Request& request, const Limits& limits) {
  try {
    QueryBudget budget(limits);
    QueryPtr query = read_q(request, budget);
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
