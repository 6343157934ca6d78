#include "server/elastic/embedded/search/search_body.h"

#include <algorithm>

#include "server/elastic/embedded/search/query_parser.h"
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
void read_patterns(const JsonView& key, const JsonView& value, rest::SourceFilter& filter) {
  value.each_or_self([&](const JsonView& item) {
    if (!item.is_string())
      refuse(parsing_exception(item, "[" + std::string(key.text()) + "] of [_source] must hold names or patterns"));
    (filter.*List).emplace_back(item.text());
  });
}

constexpr Kinds k_patterns = k_text | k_array;
const MemberTable<rest::SourceFilter> k_source{
    "`_source`", "_source", k_parsing_error,
    {{"includes", k_patterns, read_patterns<&rest::SourceFilter::includes>},
     {"excludes", k_patterns, read_patterns<&rest::SourceFilter::excludes>},
     {"exclude_vectors", k_flags, into<&rest::SourceFilter::exclude_vectors, read_bool>}}};

std::vector<std::string> read_fields(const JsonView& value, const Limits& limits) {
  accepted(rest::check_pattern_count("fields", value.size(), limits.max_patterns));
  std::vector<std::string> fields;
  value.each_element([&](const JsonView& item) {
    if (!item.is_string()) refuse(parsing_exception(item, "[fields] must hold names or patterns"));
    fields.emplace_back(item.text());
  });
  return fields;
}

std::optional<std::vector<std::optional<Literal>>> read_search_after(const JsonView& value, std::string_view) {
  std::vector<std::optional<Literal>> values;
  value.each_element([&](const JsonView& item) {
    if (item.is_null()) return void(values.emplace_back());
    if (!item.is_scalar()) refuse(parsing_exception(item, "[search_after] must hold texts, numbers and flags"));
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
    if (!item.is_object())
      refuse({400, "x_content_parse_exception", position_text(item) + " a [knn] clause must be an object"});
    knn.push_back(parse_knn(item, context, KnnPlace::top));
  });
  return knn;
}

/// What the members of a search body, or of its retriever, are read into.
struct BodyReading {
  const QueryContext& context;
  SearchBody& body;
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

/// A filter beside the query, which need not score. Comes behind `query`, whatever their order in the body.
void read_retriever_filter(const JsonView& value, BodyReading& reading) {
  BoolQuery both;
  if (reading.body.query) both.must.push_back(std::move(reading.body.query));
  value.each_or_self(
      [&](const JsonView& clause) { both.filter.push_back(parse_query(clause, reading.context)); });
  reading.body.query = std::make_shared<const Query>(Query{std::move(both)});
}

const MemberTable<BodyReading> k_standard_retriever{
    "retriever `standard`", "standard", k_content_error,
    {{"query", k_object, read_main_query},
     {"filter", k_object | k_array, [](const JsonView&, const JsonView&, BodyReading&) {}}}};

void read_standard_retriever(const JsonView&, const JsonView& value, BodyReading& reading) {
  k_standard_retriever.read(value, reading);
  if (const auto filter = value.member("filter")) read_retriever_filter(*filter, reading);
}

void read_knn_retriever(const JsonView&, const JsonView& value, BodyReading& reading) {
  for (const char* required : {"k", "num_candidates"}) {
    if (!value.member(required)) refuse(illegal_argument("Required [" + std::string(required) + "]"));
  }
  reading.body.knn.push_back(parse_knn(value, reading.context, KnnPlace::top));
}

const MemberTable<BodyReading> k_retrievers{
    "search body, `retriever`", "retriever", k_parsing_error,
    {{"standard", k_object, read_standard_retriever}, {"knn", k_object, read_knn_retriever}}};

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
    "search body, `pit`", "pit", k_content_error,
    {{"id", k_text, into<&PointInTimeUse::id, read_text>},
     {"keep_alive", k_text, into<&PointInTimeUse::keep_alive, read_keep_alive>}}};

void read_point_in_time(const JsonView&, const JsonView& value, BodyReading& reading) {
  PointInTimeUse use;
  k_point_in_time.read(value, use);
  if (use.id.empty()) refuse(illegal_argument("point in time id is not provided"));
  reading.body.point_in_time = std::move(use);
}

void read_aggregations(const JsonView&, const JsonView& value, BodyReading& reading) {
  reading.body.aggregations = parse_aggregations(value, reading.context.budget.limits());
}

const MemberTable<BodyReading> k_body{
    "search body", "search", k_parsing_error,
    {{"query", k_object, read_main_query},
     {"knn", k_object | k_array,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.knn = read_knn(value, reading.context);
      }},
     {"retriever", k_object, read_retriever},
     {"size", k_numbers,
      [](const JsonView& key, const JsonView& value, BodyReading& reading) {
        reading.body.size = checked_size(read_integer(value, key.text()));
      }},
     {"from", k_numbers,
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
      }, "names and patterns"},
     {"min_score", k_numbers, into_body<&SearchBody::min_score, read_score>},
     {"sort", k_text | k_object | k_array,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.sort = parse_sort(value, reading.context.budget.limits());
      }},
     {"search_after", k_array, into_body<&SearchBody::search_after, read_search_after>},
     {"track_total_hits", k_scalars,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.track_total_hits = read_tracking(value);
      }},
     {"post_filter", k_object,
      [](const JsonView&, const JsonView& value, BodyReading& reading) {
        reading.body.post_filter = parse_query(value, reading.context);
      }},
     {"version", k_flags, into_body<&SearchBody::version, read_bool>},
     {"seq_no_primary_term", k_flags, into_body<&SearchBody::seq_no_primary_term, read_bool>},
     {"aggs", k_object, read_aggregations},
     {"aggregations", k_object, read_aggregations},
     {"pit", k_object, read_point_in_time, "for searches without an index in the path"},
     no_effect("timeout", k_text, rest::check_time, "a search runs to its end")}};

void read_body(const JsonView& root, QueryBudget& budget, SearchBody& body) {
  if (!root.is_object()) refuse(parsing_exception(root, "the body of a search must be an object"));
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
  BodyReading reading{context, body};
  k_body.read(root, reading);
}

void read_parameters(const SearchParameters& parameters, const Limits& limits, SearchBody& body) {
  if (parameters.from) body.from = checked_from(*parameters.from);
  if (parameters.size) body.size = checked_size(*parameters.size);
  if (parameters.sort) body.sort = parse_sort_parameter(*parameters.sort, limits);
  body.source = source_with(parameters, std::move(body.source), limits.max_patterns);
  if (parameters.track_total_hits) body.track_total_hits = checked_tracking(*parameters.track_total_hits);
  body.version = parameters.version.value_or(body.version);
  body.seq_no_primary_term = parameters.seq_no_primary_term.value_or(body.seq_no_primary_term);
  body.typed_keys = parameters.typed_keys;
  body.total_hits_as_int = parameters.total_hits_as_int;
  body.scroll = parameters.scroll;
}

// The rows of the parameters

/// Those that a search and a count share.
template <class Target>
std::vector<Parameter<Target>> shared_rows() {
  return {parameter::no_effect("preference", "text", parameter::check_text, k_one_copy)};
}

std::optional<std::int64_t> tracking_from(std::string_view name, const std::string& text) {
  if (text == "true") return k_count_all;
  if (text == "false") return k_count_none;
  return parameter::integer(name, text);
}

std::optional<std::chrono::milliseconds> keep_alive(std::string_view name, const std::string& text) {
  return parameter::time(name, text);
}

std::vector<Parameter<SearchParameters>> search_rows() {
  using P = SearchParameters;
  return {{"size", "number", parameter::into<&P::size, parameter::integer>},
          {"from", "number", parameter::into<&P::from, parameter::integer>},
          {"sort", "list", parameter::into<&P::sort, parameter::text>},
          {"track_total_hits", "flag or number", parameter::into<&P::track_total_hits, tracking_from>},
          {"version", "flag", parameter::into<&P::version, parameter::flag>},
          {"seq_no_primary_term", "flag", parameter::into<&P::seq_no_primary_term, parameter::flag>},
          {"typed_keys", "flag", parameter::into<&P::typed_keys, parameter::flag>},
          {"rest_total_hits_as_int", "flag", parameter::into<&P::total_hits_as_int, parameter::flag>},
          {"scroll", "time", parameter::into<&P::scroll, keep_alive>, "the rest of the hits is kept for that long"},
          parameter::no_effect("timeout", "time", parameter::check_time, "a search runs to its end"),
          parameter::no_effect("request_cache", "flag", parameter::check_flag, "answers are not cached"),
          parameter::no_effect("allow_partial_search_results", "flag", parameter::check_flag,
                               "an index that fails fails the search")};
}

struct CountReading {
  QueryContext context;
  QueryPtr query = {};
};

const MemberTable<CountReading> k_count_body{
    "`_count` body", "count", k_parsing_error,
    {{"query", k_object, [](const JsonView&, const JsonView& value, CountReading& reading) {
        reading.query = parse_query(value, reading.context);
      }}}};

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
    {search_rows(), source_rows<SearchParameters>(), indices_rows<SearchParameters>(), shared_rows<SearchParameters>()}};
const ParameterTable<CountParameters> k_count_parameters{
    {indices_rows<CountParameters>(), shared_rows<CountParameters>()}};

rest::SourceFilter read_source_filter(const JsonView& value, std::size_t max_patterns) {
  rest::SourceFilter filter;
  if (value.is_object()) {
    k_source.read(value, filter);
  } else if (value.is_bool() || value.text() == "true" || value.text() == "false") {
    filter.enabled = read_bool(value, "_source");
  } else {
    read_patterns<&rest::SourceFilter::includes>(value, value, filter);
  }
  accepted(rest::check_pattern_count("_source", filter.includes.size() + filter.excludes.size(), max_patterns));
  return filter;
}

SearchBody parse_search(std::string_view text, const SearchParameters& parameters, const Limits& limits) {
  SearchBody body;
  QueryBudget budget(limits);
  bool tracking_given = parameters.track_total_hits.has_value();
  if (!text.empty()) {
    const auto tape = accepted(rest::JsonTape::parse(text));
    const JsonView root(tape, 0);
    read_body(root, budget, body);
    tracking_given = tracking_given || root.member("track_total_hits");
  }
  read_parameters(parameters, limits, body);
  body.text_bytes = text.size();
  check_whole(body, tracking_given);
  return body;
}

QueryPtr parse_query_body(std::string_view text, const Limits& limits) {
  if (text.empty()) return nullptr;
  const auto tape = rest::JsonTape::parse(text);
  if (!tape) refuse({400, "parsing_exception", tape.error().reason});
  const JsonView root(*tape, 0);
  if (!root.is_object()) refuse(parsing_exception(root, "the body of a count must be an object"));
  QueryBudget budget(limits);
  CountReading reading{{budget}};
  k_count_body.read(root, reading);
  return std::move(reading.query);
}

}  // namespace sightline::elastic
