#include "server/elastic/local/search/search_body.h"

#include <algorithm>
#include <array>

#include "base/json/document.h"
#include "base/number_text.h"
#include "server/elastic/local/search/query_parser.h"
#include "server/elastic/local/search/query_string.h"
#include "server/elastic/local/search/sort_parser.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {
namespace {

/// Keys of a search body, and the kinds of values that Elasticsearch takes for them.
struct KnownKey {
  enum Kinds : unsigned { scalar = 1, object = 2, array = 4 };
  std::string_view name;
  unsigned kinds;
  bool supported = true;
};

constexpr std::array k_known_keys = {
    KnownKey{"query", KnownKey::object},
    KnownKey{"knn", KnownKey::object | KnownKey::array},
    KnownKey{"size", KnownKey::scalar},
    KnownKey{"from", KnownKey::scalar},
    KnownKey{"_source", KnownKey::scalar | KnownKey::object | KnownKey::array},
    KnownKey{"fields", KnownKey::array},
    KnownKey{"min_score", KnownKey::scalar},
    KnownKey{"sort", KnownKey::scalar | KnownKey::object | KnownKey::array},
    KnownKey{"search_after", KnownKey::array},
    KnownKey{"track_total_hits", KnownKey::scalar},
    KnownKey{"track_scores", KnownKey::scalar},
    KnownKey{"post_filter", KnownKey::object},
    KnownKey{"version", KnownKey::scalar},
    KnownKey{"seq_no_primary_term", KnownKey::scalar},
    KnownKey{"timeout", KnownKey::scalar},
    KnownKey{"explain", KnownKey::scalar},
    KnownKey{"include_named_queries_score", KnownKey::scalar},
    KnownKey{"stats", KnownKey::array},
    KnownKey{"aggs", KnownKey::object},
    KnownKey{"aggregations", KnownKey::object},
    KnownKey{"retriever", KnownKey::object},
    KnownKey{"stored_fields", KnownKey::scalar | KnownKey::array, false},
    KnownKey{"docvalue_fields", KnownKey::array, false},
    KnownKey{"terminate_after", KnownKey::scalar, false},
    KnownKey{"profile", KnownKey::scalar, false},
    KnownKey{"script_fields", KnownKey::object, false},
    KnownKey{"indices_boost", KnownKey::object | KnownKey::array, false},
    KnownKey{"highlight", KnownKey::object, false},
    KnownKey{"suggest", KnownKey::object, false},
    KnownKey{"rescore", KnownKey::object | KnownKey::array, false},
    KnownKey{"collapse", KnownKey::object, false},
    KnownKey{"slice", KnownKey::object, false},
    KnownKey{"pit", KnownKey::object, false},
    KnownKey{"runtime_mappings", KnownKey::object, false},
    KnownKey{"ext", KnownKey::object, false},
    KnownKey{"rank", KnownKey::object, false},
};

void check_key(const JsonView& key, const JsonView& value) {
  const unsigned kind = value.is_object()  ? unsigned{KnownKey::object}
                        : value.is_array() ? unsigned{KnownKey::array}
                        : value.is_null()  ? 0u
                                           : unsigned{KnownKey::scalar};
  const auto known = std::find_if(k_known_keys.begin(), k_known_keys.end(),
                                  [&](const KnownKey& candidate) { return candidate.name == key.text(); });
  if (known == k_known_keys.end() || (known->kinds & kind) == 0) {
    refuse(parsing_exception(value, std::string("Unknown key for a ") + token_name(value) + " in [" +
                                        std::string(key.text()) + "]."));
  }
  if (!known->supported) {
    refuse(illegal_argument("[" + std::string(key.text()) + "] is not supported by this local store"));
  }
}

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

/// Wrong kinds of values, which the reader of the parsed value cannot tell apart.
void check_source(const JsonView& value) {
  if (value.is_number()) {
    refuse(parsing_exception(
        value,
        "Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found [VALUE_NUMBER]"));
  }
  if (!value.is_object()) return;
  value.each_member([](const JsonView& key, const JsonView& item) {
    const std::string_view name = key.text();
    if (name == "includes" || name == "include" || name == "excludes" || name == "exclude" ||
        name == "exclude_vectors")
      return;
    refuse(parsing_exception(
        item, std::string("Unknown key for a ") + token_name(item) + " in [" + std::string(name) + "]."));
  });
}

rest::SourceFilter read_source(const JsonView& value, const Limits& limits) {
  check_source(value);
  rapidjson::Document document;
  json::read_document(value.raw(), document);  // it was read before
  auto filter = rest::parse_source_filter(document, limits.max_patterns);
  if (!filter) refuse(std::move(filter).error());
  return *std::move(filter);
}

std::vector<FieldRequest> read_fields(const JsonView& value, const Limits& limits) {
  if (auto refusal = rest::check_pattern_count("fields", value.size(), limits.max_patterns))
    refuse(*std::move(refusal));
  std::vector<FieldRequest> fields;
  value.each_element([&](const JsonView& item) {
    if (!item.is_object()) {
      fields.push_back({read_text(item, "fields")});
      return;
    }
    FieldRequest field;
    item.each_member([&](const JsonView& key, const JsonView& option) {
      if (key.text() == "field") {
        field.pattern = read_text(option, "field");
      } else if (key.text() == "format") {
        field.format = read_text(option, "format");
      } else if (key.text() != "include_unmapped") {
        refuse(content_exception(key,
                                 "[fetch_field_and_format] unknown field [" + std::string(key.text()) + "]"));
      } else if (read_bool(option, "include_unmapped")) {
        refuse(illegal_argument("[include_unmapped] is not supported by this local store"));
      }
    });
    if (field.pattern.empty()) refuse(content_exception(item, "Required [field]"));
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
    knn.push_back(parse_knn(item, context, false));
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

void read_standard_retriever(const JsonView& value, const QueryContext& context, SearchBody& body) {
  std::vector<QueryPtr> filters;
  value.each_member([&](const JsonView& key, const JsonView& item) {
    const std::string_view name = key.text();
    if (name == "query") {
      body.query = parse_query(item, context);
    } else if (name == "filter") {
      item.each_or_self([&](const JsonView& clause) { filters.push_back(parse_query(clause, context)); });
    } else if (name == "min_score") {
      body.min_score = static_cast<float>(read_double(item, name));
    } else if (name == "sort") {
      body.sort = parse_sort(item, context.budget.limits());
    } else if (name == "search_after") {
      body.search_after = read_search_after(item);
    } else if (name != "_name") {
      refuse(illegal_argument("[standard] retriever parameter [" + std::string(name) +
                              "] is not supported by this local store"));
    }
  });
  body.query = filtered(std::move(body.query), std::move(filters));
}

void read_knn_retriever(const JsonView& value, const QueryContext& context, SearchBody& body) {
  // A retriever's own min_score is cut out: parse_knn knows nothing of it.
  if (const auto least = value.member("min_score")) {
    refuse(illegal_argument(std::string(token_name(*least)) +
                            ": [knn] retriever parameter [min_score] is not supported by this local store"));
  }
  for (const char* required : {"k", "num_candidates"}) {
    if (!value.member(required)) refuse(illegal_argument("Required [" + std::string(required) + "]"));
  }
  body.knn.push_back(parse_knn(value, context, false));
}

void read_retriever(const JsonView& value, const QueryContext& context, SearchBody& body) {
  if (value.size() != 1)
    refuse(parsing_exception(value, "retriever malformed, must hold exactly one retriever"));
  value.each_member([&](const JsonView& key, const JsonView& item) {
    if (!item.is_object())
      refuse(parsing_exception(item, "[" + std::string(key.text()) +
                                         "] retriever malformed, no start_object after retriever name"));
    if (key.text() == "standard") return read_standard_retriever(item, context, body);
    if (key.text() == "knn") return read_knn_retriever(item, context, body);
    const std::array<std::string_view, 6> foreign = {
        "rrf", "linear", "rescorer", "text_similarity_reranker", "pinned", "rule"};
    if (std::find(foreign.begin(), foreign.end(), key.text()) != foreign.end()) {
      refuse(illegal_argument("[" + std::string(key.text()) +
                              "] retrievers are not supported by this local store; it has standard and knn"));
    }
    ElasticError error = parsing_exception(item, "unknown retriever [" + std::string(key.text()) + "]");
    error.cause_type = "named_object_not_found_exception";
    error.cause_reason = position_text(item) + " unknown field [" + std::string(key.text()) + "]";
    refuse(std::move(error));
  });
}

void read_key(const JsonView& key, const JsonView& value, const QueryContext& context, SearchBody& body) {
  const std::string_view name = key.text();
  check_key(key, value);
  if (name == "query") {
    body.query = parse_query(value, context);
  } else if (name == "knn") {
    body.knn = read_knn(value, context);
  } else if (name == "size") {
    body.size = checked_size(read_integer(value, name));
  } else if (name == "from") {
    body.from = checked_from(read_integer(value, name));
  } else if (name == "_source") {
    body.source = read_source(value, context.budget.limits());
  } else if (name == "fields") {
    body.fields = read_fields(value, context.budget.limits());
  } else if (name == "min_score") {
    body.min_score = static_cast<float>(read_double(value, name));
  } else if (name == "sort") {
    body.sort = parse_sort(value, context.budget.limits());
  } else if (name == "search_after") {
    body.search_after = read_search_after(value);
  } else if (name == "track_total_hits") {
    body.track_total_hits = read_tracking(value);
  } else if (name == "track_scores") {
    body.track_scores = read_bool(value, name);
  } else if (name == "post_filter") {
    body.post_filter = parse_query(value, context);
  } else if (name == "version") {
    body.version = read_bool(value, name);
  } else if (name == "seq_no_primary_term") {
    body.seq_no_primary_term = read_bool(value, name);
  } else if (name == "aggs" || name == "aggregations") {
    body.aggregations = parse_aggregations(value, context.budget.limits());
  } else if (name == "retriever") {
    read_retriever(value, context, body);
  }
}

void read_body(const JsonView& root, QueryBudget& budget, SearchBody& body) {
  if (!root.is_object()) {
    refuse(
        parsing_exception(root, std::string("Expected [START_OBJECT] but found [") + token_name(root) + "]"));
  }
  QueryContext context{budget};
  if (const auto size = root.member("size"); size && (size->is_number() || size->is_string())) {
    context.size = checked_size(read_integer(*size, "size"));
  }
  for (const char* other : {"query", "knn", "sort", "search_after", "min_score", "post_filter"}) {
    if (root.member("retriever") && root.member(other)) {
      refuse({400, "action_request_validation_exception",
              std::string("Validation Failed: 1: cannot specify [retriever] and [") + other + "];"});
    }
  }
  root.each_member([&](const JsonView& key, const JsonView& value) { read_key(key, value, context, body); });
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
  if (const auto type = rest::query_parameter(request, "search_type")) check_search_type(*type);
}

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

void check_search_type(std::string_view type) {
  // One shard an index: what shards would have to agree on first is known here at once.
  if (type != "query_then_fetch" && type != "dfs_query_then_fetch")
    refuse(illegal_argument("No search type for [" + std::string(type) + "]"));
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
    root.each_member([&](const JsonView& key, const JsonView& value) {
      if (key.text() != "query") {
        refuse(parsing_exception(key, "request does not support [" + std::string(key.text()) + "]"));
      }
      query = parse_query(value, {budget});
    });
    return query;
  } catch (Refused& refused) {
    return std::move(refused.error);
  } catch (const TooManyClauses&) {
    return too_many_clauses(limits);
  }
}

}  // namespace sightline::elastic
