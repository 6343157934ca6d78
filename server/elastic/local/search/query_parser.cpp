#include "server/elastic/local/search/query_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <map>

#include "base/cancellation.h"
#include "base/json/utf8.h"
#include "server/elastic/rest/document_id.h"

namespace sightline::elastic {
namespace {

/// Names of queries that Elasticsearch knows and this store does not run.
constexpr std::array k_foreign_queries = {"boosting",
                                          "combined_fields",
                                          "common",
                                          "distance_feature",
                                          "function_score",
                                          "fuzzy",
                                          "geo_bounding_box",
                                          "geo_distance",
                                          "geo_grid",
                                          "geo_polygon",
                                          "geo_shape",
                                          "has_child",
                                          "has_parent",
                                          "intervals",
                                          "match_bool_prefix",
                                          "match_phrase",
                                          "match_phrase_prefix",
                                          "more_like_this",
                                          "nested",
                                          "parent_id",
                                          "percolate",
                                          "pinned",
                                          "query_string",
                                          "rank_feature",
                                          "regexp",
                                          "rule",
                                          "script",
                                          "script_score",
                                          "semantic",
                                          "shape",
                                          "simple_query_string",
                                          "span_containing",
                                          "span_first",
                                          "span_multi",
                                          "span_near",
                                          "span_not",
                                          "span_or",
                                          "span_term",
                                          "span_within",
                                          "sparse_vector",
                                          "terms_set",
                                          "text_expansion",
                                          "wildcard",
                                          "wrapper"};

QueryContext deeper(QueryContext context) {
  ++context.depth;
  return context;
}

QueryPtr make(Query query) {
  return std::make_shared<const Query>(std::move(query));
}

float read_float(const JsonView& value, std::string_view name) {
  return static_cast<float>(read_double(value, name));
}

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

/// boost and _name, which every query has. False if `key` is neither.
bool read_shared(std::string_view key, const JsonView& value, Query& query) {
  if (key == "boost") {
    query.boost = read_float(value, key);
    if (!(query.boost >= 0)) {
      refuse(illegal_argument("negative [boost] are not allowed in [" + std::string(value.text()) +
                              "], use a value between 0 and 1 to deboost"));
    }
    return true;
  }
  return key == "_name";
}

[[noreturn]] void not_supported(std::string_view query, const JsonView& key) {
  refuse(parsing_exception(
      key, "[" + std::string(query) + "] query does not support [" + std::string(key.text()) + "]"));
}

/// A parameter that Elasticsearch has, set to something this store does not do.
[[noreturn]] void not_done_here(std::string_view query, const JsonView& key) {
  refuse(illegal_argument("[" + std::string(query) + "] parameter [" + std::string(key.text()) +
                          "] is not supported by this local store"));
}

/// `{"field": value}` or `{"field": {...}}` with exactly one field: calls `visit(field, value)`.
template <class Visit>
void one_field(std::string_view query, const JsonView& body, Visit&& visit) {
  std::string first;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (!first.empty()) {
      refuse(parsing_exception(key, "[" + std::string(query) +
                                        "] query doesn't support multiple fields, found [" + first +
                                        "] and [" + std::string(key.text()) + "]"));
    }
    first = key.text();
    if (first.empty()) refuse(illegal_argument("field name is null or empty"));
    visit(first, value);
  });
  if (first.empty()) refuse(illegal_argument("field name is null or empty"));
}

[[noreturn]] void unknown_field(std::string_view parser, const JsonView& key,
                                const std::vector<std::string_view>& known) {
  const std::string name(key.text());
  refuse(content_exception(
      key, "[" + std::string(parser) + "] unknown field [" + name + "]" + did_you_mean(name, known)));
}

/// The same in the queries whose parsers turn it into an error of their own.
[[noreturn]] void unknown_option(std::string_view query, const JsonView& key,
                                 const std::vector<std::string_view>& known) {
  try {
    unknown_field(query, key, known);
  } catch (Refused& refused) {
    ElasticError error = parsing_exception(key, refused.error.reason);
    error.cause_type = refused.error.type;
    error.cause_reason = refused.error.reason;
    refuse(std::move(error));
  }
}

Query parse_match_all(const JsonView& body, const QueryContext&) {
  Query query{MatchAllQuery{}};
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (!read_shared(key.text(), value, query)) unknown_option("match_all", key, {"boost", "_name"});
  });
  return query;
}

Query parse_match_none(const JsonView& body, const QueryContext&) {
  Query query{MatchNoneQuery{}};
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (!read_shared(key.text(), value, query)) unknown_option("match_none", key, {"boost", "_name"});
  });
  return query;
}

bool read_operator(const JsonView& value) {
  std::string name = read_text(value, "operator");
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "and") return true;
  if (name == "or") return false;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  refuse(illegal_argument("No enum constant org.elasticsearch.index.query.Operator." + name));
}

/// The parameters that match and multi_match share. False if `key` is none of them.
bool read_match_parameter(std::string_view query_name, const JsonView& key, const JsonView& value,
                          MatchQuery& match) {
  const std::string_view name = key.text();
  if (name == "operator") {
    match.all_terms = read_operator(value);
  } else if (name == "minimum_should_match") {
    match.minimum_should_match = read_text(value, name);
  } else if (name == "lenient") {
    match.lenient = read_bool(value, name);
  } else if (name == "zero_terms_query") {
    const std::string choice = read_text(value, name);
    if (choice != "none" && choice != "all") {
      refuse(parsing_exception(value, "Unsupported zero_terms_query value [" + choice + "]"));
    }
    match.zero_terms_match_all = choice == "all";
  } else if (name == "fuzziness" || name == "analyzer") {
    not_done_here(query_name, key);
  } else {
    // These only matter to fuzzy matching, phrases and synonyms, none of which happen here.
    return name == "prefix_length" || name == "max_expansions" || name == "fuzzy_transpositions" ||
           name == "fuzzy_rewrite" || name == "auto_generate_synonyms_phrase_query" ||
           name == "cutoff_frequency";
  }
  return true;
}

Query parse_match(const JsonView& body, const QueryContext&) {
  Query query;
  MatchQuery match;
  bool has_text = false;
  if (body.size() == 0) refuse(parsing_exception(body, "No text specified for text query"));
  one_field("match", body, [&](const std::string& field, const JsonView& value) {
    match.field = field;
    if (value.is_scalar()) {
      match.text = read_literal(value);
      has_text = true;
      return;
    }
    if (!value.is_object()) {
      refuse(expected_text(value));
    }
    value.each_member([&](const JsonView& key, const JsonView& item) {
      if (key.text() == "query") {
        if (!item.is_scalar()) {
          refuse(parsing_exception(
              item, std::string("[match] unknown token [") + token_name(item) + "] after [query]"));
        }
        match.text = read_literal(item);
        has_text = true;
      } else if (!read_shared(key.text(), item, query) && !read_match_parameter("match", key, item, match)) {
        not_supported("match", key);
      }
    });
  });
  if (!has_text) refuse(parsing_exception(body, "No text specified for text query"));
  query.node = std::move(match);
  return query;
}

std::pair<std::string, float> read_boosted_field(const JsonView& value) {
  std::string name = read_text(value, "fields");
  const std::size_t caret = name.find('^');
  if (caret == std::string::npos) return {name, 1.0f};
  float boost = 0;
  const char* end = name.data() + name.size();
  const auto [stop, code] = std::from_chars(name.data() + caret + 1, end, boost);
  if (code != std::errc() || stop != end) {
    refuse(illegal_argument("For input string: \"" + name.substr(caret + 1) + "\""));
  }
  return {name.substr(0, caret), boost};
}

void read_multi_match_type(const JsonView& key, const JsonView& value, MultiMatchQuery& multi) {
  const std::string type = read_text(value, "type");
  if (type != "best_fields" && type != "most_fields") not_done_here("multi_match] of [type: " + type, key);
  multi.sum_of_fields = type == "most_fields";
}

Query parse_multi_match(const JsonView& body, const QueryContext& context) {
  Query query;
  MultiMatchQuery multi;
  bool has_text = false;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    const std::string_view name = key.text();
    if (name == "query") {
      if (!value.is_scalar())
        refuse(parsing_exception(
            value, "[multi_match] unknown token [" + std::string(token_name(value)) + "] after [query]"));
      multi.match.text = read_literal(value);
      has_text = true;
    } else if (name == "fields") {
      value.each_or_self([&](const JsonView& item) {
        context.budget.clause();
        multi.fields.push_back(read_boosted_field(item));
      });
    } else if (name == "type") {
      read_multi_match_type(key, value, multi);
    } else if (name == "tie_breaker") {
      multi.tie_breaker = read_float(value, name);
    } else if (!read_shared(name, value, query) && name != "slop" &&
               !read_match_parameter("multi_match", key, value, multi.match)) {
      not_supported("multi_match", key);
    }
  });
  if (!has_text) refuse(parsing_exception(body, "No text specified for multi_match query"));
  if (multi.fields.empty()) multi.fields.emplace_back("*", 1.0f);
  query.node = std::move(multi);
  return query;
}

Query parse_term(const JsonView& body, const QueryContext&) {
  Query query;
  TermQuery term;
  bool has_value = false;
  const auto take = [&](const JsonView& value) {
    if (value.is_null()) refuse(illegal_argument("field name is null or empty"));
    if (value.is_array()) refuse(parsing_exception(value, "[term] query does not support array of values"));
    if (!value.is_scalar())
      refuse(
          parsing_exception(value, "[term] query does not support [" + std::string(token_name(value)) + "]"));
    term.value = read_literal(value);
    has_value = true;
  };
  one_field("term", body, [&](const std::string& field, const JsonView& value) {
    term.field = field;
    if (!value.is_object()) return take(value);
    value.each_member([&](const JsonView& key, const JsonView& item) {
      if (key.text() == "value" || key.text() == "term") {
        take(item);
      } else if (key.text() == "case_insensitive") {
        term.case_insensitive = read_bool(item, key.text());
      } else if (!read_shared(key.text(), item, query)) {
        not_supported("term", key);
      }
    });
  });
  if (!has_value) refuse(illegal_argument("value cannot be null"));
  query.node = std::move(term);
  return query;
}

Query parse_terms(const JsonView& body, const QueryContext& context) {
  Query query;
  TermsQuery terms;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (read_shared(key.text(), value, query)) return;
    if (!terms.field.empty()) {
      refuse(parsing_exception(key, "[terms] query does not support multiple fields"));
    }
    if (value.is_object()) not_done_here("terms] lookup, [terms", key);
    if (!value.is_array()) not_supported("terms", key);
    terms.field = key.text();
    value.each_element([&](const JsonView& item) {
      if (item.is_null()) refuse(parsing_exception(item, "No value specified for terms query"));
      if (!item.is_scalar())
        refuse(parsing_exception(item,
                                 "[terms] query does not support [" + std::string(token_name(item)) + "]"));
      context.budget.value();
      terms.values.push_back(read_literal(item));
    });
  });
  if (terms.field.empty()) {
    refuse(parsing_exception(body,
                             "[terms] query requires a field name, followed by array of terms or a document "
                             "lookup specification"));
  }
  query.node = std::move(terms);
  return query;
}

/// gte, gt, lte, lt, and null for an open end. False if `key` is none of them.
bool read_bound(const JsonView& key, const JsonView& value, RangeQuery& range) {
  const std::string_view name = key.text();
  const bool lower = name == "gte" || name == "gt";
  if (!lower && name != "lte" && name != "lt") return false;
  auto& bound = lower ? range.lower : range.upper;
  if (value.is_null()) {
    bound.reset();
  } else if (value.is_scalar()) {
    bound = RangeBound{read_literal(value), name.size() == 3};
  } else {
    not_supported("range", key);
  }
  return true;
}

Query parse_range(const JsonView& body, const QueryContext&) {
  Query query;
  RangeQuery range;
  one_field("range", body, [&](const std::string& field, const JsonView& value) {
    range.field = field;
    if (!value.is_object()) {
      refuse(parsing_exception(value, "[range] query does not support [" + field + "]"));
    }
    value.each_member([&](const JsonView& key, const JsonView& item) {
      const std::string_view name = key.text();
      if (name == "format") {
        range.format = read_text(item, name);
      } else if (name == "time_zone") {
        range.time_zone = read_text(item, name);
      } else if (name == "relation") {
        // Every field here holds points, for which all relations mean the same.
        read_text(item, name);
      } else if (!read_bound(key, item, range) && !read_shared(name, item, query)) {
        not_supported("range", key);
      }
    });
  });
  query.node = std::move(range);
  return query;
}

Query parse_exists(const JsonView& body, const QueryContext&) {
  Query query;
  ExistsQuery exists;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (key.text() == "field" && value.is_scalar()) {
      exists.field = value.text();
    } else if (!read_shared(key.text(), value, query)) {
      not_supported("exists", key);
    }
  });
  if (exists.field.empty()) refuse(parsing_exception(body, "[exists] must be provided with a [field]"));
  query.node = std::move(exists);
  return query;
}

Query parse_ids(const JsonView& body, const QueryContext& context) {
  Query query;
  IdsQuery ids;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (key.text() == "values") {
      value.each_or_self([&](const JsonView& item) {
        context.budget.value();
        ids.ids.push_back(rest::document_id(read_text(item, "values")));
      });
    } else if (!read_shared(key.text(), value, query)) {
      unknown_option("ids", key, {"values", "boost", "_name"});
    }
  });
  query.node = std::move(ids);
  return query;
}

Query parse_prefix(const JsonView& body, const QueryContext&) {
  Query query;
  PrefixQuery prefix;
  bool has_value = false;
  const auto take = [&](const JsonView& value) {
    if (value.is_null()) refuse(illegal_argument("value cannot be null"));
    prefix.value = json::java_utf8(read_text(value, "value"));
    has_value = true;
  };
  one_field("prefix", body, [&](const std::string& field, const JsonView& value) {
    prefix.field = field;
    if (!value.is_object()) return take(value);
    value.each_member([&](const JsonView& key, const JsonView& item) {
      if (key.text() == "value") {
        take(item);
      } else if (key.text() == "case_insensitive") {
        prefix.case_insensitive = read_bool(item, key.text());
      } else if (key.text() != "rewrite" && !read_shared(key.text(), item, query)) {
        not_supported("prefix", key);
      }
    });
  });
  if (!has_value) refuse(illegal_argument("value cannot be null"));
  query.node = std::move(prefix);
  return query;
}

Query parse_bool(const JsonView& body, const QueryContext& context) {
  Query query;
  BoolQuery parts;
  const std::vector<std::string_view> known = {
      "must",  "mustNot", "must_not", "should", "filter", "minimum_should_match", "adjust_pure_negative",
      "boost", "_name"};
  body.each_member([&](const JsonView& key, const JsonView& value) {
    const std::string_view name = key.text();
    auto* clauses = name == "must"                            ? &parts.must
                    : name == "filter"                        ? &parts.filter
                    : name == "should"                        ? &parts.should
                    : name == "must_not" || name == "mustNot" ? &parts.must_not
                                                              : nullptr;
    if (clauses) {
      if (!value.is_object() && !value.is_array()) {
        refuse(content_exception(
            value, "[bool] " + std::string(name) + " doesn't support values of type: " + token_name(value)));
      }
      value.each_or_self([&](const JsonView& clause) {
        within("bool", key, clause, [&] { clauses->push_back(parse_query(clause, deeper(context))); });
      });
    } else if (name == "minimum_should_match") {
      if (!value.is_null()) parts.minimum_should_match = read_text(value, name);
    } else if (name == "adjust_pure_negative") {
      read_bool(value, name);
    } else if (!read_shared(name, value, query)) {
      unknown_field("bool", key, known);
    }
  });
  query.node = std::move(parts);
  return query;
}

Query parse_constant_score(const JsonView& body, const QueryContext& context) {
  Query query;
  ConstantScoreQuery constant;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (key.text() == "filter" && value.is_object()) {
      if (constant.filter)
        refuse(parsing_exception(key, "[constant_score] accepts only one [filter] element."));
      constant.filter = parse_query(value, deeper(context));
    } else if (key.text() == "filter" && value.is_array()) {
      refuse(parsing_exception(value, "unexpected token [START_ARRAY]"));
    } else if (!read_shared(key.text(), value, query)) {
      not_supported("constant_score", key);
    }
  });
  if (!constant.filter) refuse(parsing_exception(body, "[constant_score] requires a 'filter' element"));
  query.node = std::move(constant);
  return query;
}

Query parse_dis_max(const JsonView& body, const QueryContext& context) {
  Query query;
  DisMaxQuery parts;
  body.each_member([&](const JsonView& key, const JsonView& value) {
    if (key.text() == "queries") {
      if (value.is_array() && value.size() == 0) {
        refuse(parsing_exception(value, "[_na] query malformed, must start with start_object"));
      }
      value.each_or_self(
          [&](const JsonView& clause) { parts.queries.push_back(parse_query(clause, deeper(context))); });
    } else if (key.text() == "tie_breaker") {
      parts.tie_breaker = read_float(value, key.text());
    } else if (!read_shared(key.text(), value, query)) {
      not_supported("dis_max", key);
    }
  });
  if (parts.queries.empty())
    refuse(parsing_exception(body, "[dis_max] requires 'queries' field with at least one clause"));
  query.node = std::move(parts);
  return query;
}

Query parse_knn_query(const JsonView& body, const QueryContext& context) {
  return parse_knn(body, context, true);
}

using Parser = Query (*)(const JsonView&, const QueryContext&);
const std::map<std::string_view, Parser>& parsers() {
  static const std::map<std::string_view, Parser> table = {{"match_all", parse_match_all},
                                                           {"match_none", parse_match_none},
                                                           {"match", parse_match},
                                                           {"multi_match", parse_multi_match},
                                                           {"term", parse_term},
                                                           {"terms", parse_terms},
                                                           {"range", parse_range},
                                                           {"exists", parse_exists},
                                                           {"ids", parse_ids},
                                                           {"prefix", parse_prefix},
                                                           {"bool", parse_bool},
                                                           {"constant_score", parse_constant_score},
                                                           {"dis_max", parse_dis_max},
                                                           {"knn", parse_knn_query}};
  return table;
}

[[noreturn]] void refuse_unknown(const std::string& name, const JsonView& body) {
  if (std::find(k_foreign_queries.begin(), k_foreign_queries.end(), name) != k_foreign_queries.end()) {
    refuse(illegal_argument("[" + name +
                            "] queries are not supported by this local store; it runs match_all, match_none, "
                            "match, multi_match, term, terms, range, exists, ids, prefix, bool, "
                            "constant_score, dis_max and knn"));
  }
  std::vector<std::string_view> known(k_foreign_queries.begin(), k_foreign_queries.end());
  for (const auto& [known_name, parser] : parsers()) known.push_back(known_name);
  ElasticError error = parsing_exception(body, "unknown query [" + name + "]" + did_you_mean(name, known));
  error.cause_type = "named_object_not_found_exception";
  error.cause_reason = position_text(body) + " unknown field [" + name + "]";
  refuse(std::move(error));
}

}  // namespace

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
  QueryPtr query;
  std::string name;
  value.each_member([&](const JsonView& key, const JsonView& body) {
    if (query) {
      refuse(parsing_exception(
          key, "[" + name + "] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"));
    }
    name = key.text();
    if (!body.is_object()) {
      refuse(parsing_exception(body, "[" + name + "] query malformed, no start_object after query name"));
    }
    const auto parser = parsers().find(name);
    if (parser == parsers().end()) refuse_unknown(name, body);
    query = make(parser->second(body, context));
  });
  return query;
}

}  // namespace sightline::elastic
