#include "server/elastic/embedded/search/search_body.h"

#include <algorithm>

#include "server/elastic/embedded/search/query_parser.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

/// A `size` or `from`.
int not_negative(std::string_view name, std::int64_t number) {
  if (number < 0) {
    refuse(illegal_argument("[" + std::string(name) + "] parameter cannot be negative, found [" +
                            std::to_string(number) + "]"));
  }
  return static_cast<int>(std::min<std::int64_t>(number, std::numeric_limits<int>::max()));
}

int read_count(const JsonView& value, std::string_view name) {
  return not_negative(name, read_integer(value, name));
}

std::int64_t checked_tracking(std::int64_t limit) {
  if (limit < -1) {
    refuse(illegal_argument("[track_total_hits] parameter must be positive or equals to -1, got " +
                            std::to_string(limit)));
  }
  return limit;
}

std::int64_t read_tracking(const JsonView& value, std::string_view) {
  if (value.text() == "true" || value.text() == "false") return value.text() == "true" ? k_count_all : k_count_none;
  return checked_tracking(read_integer(value, "track_total_hits"));
}

SortKey key_of(std::string_view name) {
  SortKey key;
  key.field = name;
  if (name == "_score") key.kind = SortKey::Kind::score;
  if (name == "_doc" || name == "_shard_doc") key.kind = SortKey::Kind::document;
  key.descending = key.kind == SortKey::Kind::score;
  return key;
}

bool is_descending(std::string_view order) {
  if (order != "asc" && order != "desc")
    refuse(illegal_argument("the order of a sort must be [asc] or [desc], found [" + shortened(order) + "]"));
  return order == "desc";
}

bool read_order(const JsonView& value, std::string_view name) {
  return is_descending(read_text(value, name));
}

bool read_missing(const JsonView& value, std::string_view name) {
  const std::string text = read_text(value, name);
  if (text != "_first" && text != "_last")
    refuse(illegal_argument("[missing] must be [_first] or [_last], found [" + shortened(text) + "]"));
  return text == "_first";
}

std::optional<FieldType> read_unmapped(const JsonView& value, std::string_view) {
  if (const auto type = field_type_from(value.text())) return type;
  refuse(illegal_argument("No mapper found for type [" + shortened(value.text()) + "]"));
}

const MemberTable<SortKey> k_sort{
    "sort",
    "field_sort",
    k_content_error,
    {{"order", k_text, into<&SortKey::descending, read_order>},
     {"missing", k_text, into<&SortKey::missing_first, read_missing>, "`_first` or `_last`"},
     {"unmapped_type", k_text, into<&SortKey::unmapped_type, read_unmapped>}}};

void add_key(std::vector<SortKey>& keys, SortKey key, const Limits& limits) {
  keys.push_back(std::move(key));
  check_limit("keys of [sort]", keys.size(), limits.max_sort_keys, "--elasticsearch-max-sort-keys");
}

/// "price", {"price":"desc"}, {"price":{"order":"desc",...}}, or a list of these.
std::vector<SortKey> parse_sort(const JsonView& value, const Limits& limits) {
  std::vector<SortKey> keys;
  value.each_or_self([&](const JsonView& item) {
    if (item.is_string()) return add_key(keys, key_of(item.text()), limits);
    if (!item.is_object()) refuse(illegal_argument("[sort] must hold names of fields and objects"));
    item.each_member([&](const JsonView& name, const JsonView& options) {
      SortKey key = key_of(name.text());
      options.is_object() ? k_sort.read(options, key) : void(key.descending = read_order(options, "order"));
      add_key(keys, std::move(key), limits);
    });
  });
  return keys;
}

/// The form in a URL: "price:desc,_score". These keys come after those of the body.
void add_sort_parameter(std::vector<SortKey>& keys, std::string_view text, const Limits& limits) {
  for (const std::string& one : split_expression(text)) {
    const std::size_t colon = one.rfind(':');
    SortKey key = key_of(one.substr(0, colon));
    if (colon != std::string::npos) key.descending = is_descending(one.substr(colon + 1));
    add_key(keys, std::move(key), limits);
  }
}

std::vector<std::string> read_fields(const JsonView& value, const Limits& limits) {
  accepted(rest::check_pattern_count("fields", value.size(), limits.max_patterns));
  std::vector<std::string> fields;
  value.each_element([&](const JsonView& item) {
    if (!item.is_string()) refuse(parsing_exception(item, "[fields] must hold names or patterns"));
    refuse_metadata_field(fields.emplace_back(item.text()), "[fields]");
  });
  return fields;
}

std::optional<std::vector<std::optional<Literal>>> read_search_after(const JsonView& value, std::string_view) {
  std::vector<std::optional<Literal>> values;
  value.each_element(
      [&](const JsonView& item) { item.is_null() ? values.emplace_back() : values.emplace_back(read_literal(item)); });
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

/// The result of reading the members of a search body or of its retriever.
struct BodyReading {
  const QueryContext& context;
  SearchBody& body;
};

/// Reads a member by `Read(value, context)`, `Read(value, limits)` or `Read(value, name)`.
template <auto Field, auto Read>
void into_body(const JsonView& key, const JsonView& value, BodyReading& reading) {
  if constexpr (std::is_invocable_v<decltype(Read), const JsonView&, const QueryContext&>) {
    reading.body.*Field = Read(value, reading.context);
  } else if constexpr (std::is_invocable_v<decltype(Read), const JsonView&, const Limits&>) {
    reading.body.*Field = Read(value, reading.context.budget.limits());
  } else {
    reading.body.*Field = Read(value, key.text());
  }
}

/// A filter next to the query, without scores. Must be read after `query`, whatever their order in the body.
void read_retriever_filter(const JsonView& value, BodyReading& reading) {
  BoolQuery both;
  if (reading.body.query) both.must.push_back(std::move(reading.body.query));
  value.each_or_self([&](const JsonView& clause) { both.filter.push_back(parse_query(clause, reading.context)); });
  reading.body.query = std::make_shared<const Query>(Query{std::move(both)});
}

const MemberTable<BodyReading> k_standard_retriever{
    "retriever `standard`",
    "standard",
    k_content_error,
    {{"query", k_object, into_body<&SearchBody::query, parse_query>},
     {"filter", k_object | k_array, [](const JsonView&, const JsonView&, BodyReading&) {}}}};

void read_standard_retriever(const JsonView&, const JsonView& value, BodyReading& reading) {
  k_standard_retriever.read(value, reading);
  if (const auto filter = value.member("filter")) read_retriever_filter(*filter, reading);
}

void read_knn_retriever(const JsonView&, const JsonView& value, BodyReading& reading) {
  for (const char* required : {"k", "num_candidates"}) {
    if (!value.member(required)) refuse(illegal_argument("Required [" + std::string(required) + "]"));
  }
  reading.body.knn.push_back(parse_knn(value, reading.context, KnnPlace::retriever));
}

const MemberTable<BodyReading> k_retrievers{
    "search body, `retriever`",
    "retriever",
    k_parsing_error,
    {{"standard", k_object, read_standard_retriever}, {"knn", k_object, read_knn_retriever}}};

void read_retriever(const JsonView&, const JsonView& value, BodyReading& reading) {
  if (value.size() != 1) refuse(parsing_exception(value, "retriever malformed, must hold exactly one retriever"));
  k_retrievers.read(value, reading);
}

const MemberTable<PointInTimeUse> k_point_in_time{
    "search body, `pit`",
    "pit",
    k_content_error,
    {{"id", k_text, into<&PointInTimeUse::id, read_text>},
     {"keep_alive", k_text, into<&PointInTimeUse::keep_alive, rest::read_time>}}};

void read_point_in_time(const JsonView&, const JsonView& value, BodyReading& reading) {
  PointInTimeUse use;
  k_point_in_time.read(value, use);
  if (use.id.empty()) refuse(illegal_argument("point in time id is not provided"));
  reading.body.point_in_time = std::move(use);
}

const MemberTable<BodyReading> k_body{
    "search body",
    "search",
    k_parsing_error,
    {{"query", k_object, into_body<&SearchBody::query, parse_query>},
     {"knn", k_object | k_array, into_body<&SearchBody::knn, read_knn>},
     {"retriever", k_object, read_retriever},
     {"size", k_numbers, into_body<&SearchBody::size, read_count>},
     {"from", k_numbers, into_body<&SearchBody::from, read_count>},
     {"_source", k_flags | k_object | k_array, into_body<&SearchBody::source, read_source_filter>},
     {"fields", k_array, into_body<&SearchBody::fields, read_fields>, "names and patterns"},
     {"min_score", k_numbers, into_body<&SearchBody::min_score, read_float>},
     {"sort", k_text | k_object | k_array, into_body<&SearchBody::sort, parse_sort>},
     {"search_after", k_array, into_body<&SearchBody::search_after, read_search_after>},
     {"track_total_hits", k_scalars, into_body<&SearchBody::track_total_hits, read_tracking>},
     {"post_filter", k_object, into_body<&SearchBody::post_filter, parse_query>},
     {"version", k_flags, into_body<&SearchBody::version, read_bool>},
     {"seq_no_primary_term", k_flags, into_body<&SearchBody::seq_no_primary_term, read_bool>},
     {"aggs", k_object, into_body<&SearchBody::aggregations, parse_aggregations>},
     {"aggregations", k_object, into_body<&SearchBody::aggregations, parse_aggregations>},
     {"pit", k_object, read_point_in_time, "for searches without an index in the path"},
     no_effect("timeout", k_text, rest::check_time, "a search runs to its end")}};

void read_body(const JsonView& root, const SearchParameters& parameters, QueryBudget& budget, SearchBody& body) {
  QueryContext context{budget};
  if (const auto size = root.member("size"); size && (size->is_number() || size->is_string())) {
    context.size = read_count(*size, "size");
  }
  for (const std::string other : {"query", "knn", "sort", "search_after", "min_score"}) {
    if (root.member("retriever") && (root.member(other) || (other == "sort" && parameters.sort)))
      refuse_invalid("cannot specify [retriever] and [" + other + "]");
  }
  BodyReading reading{context, body};
  k_body.read(root, reading);
}

void read_parameters(const SearchParameters& parameters, const Limits& limits, SearchBody& body) {
  if (parameters.from) body.from = not_negative("from", *parameters.from);
  if (parameters.size) body.size = not_negative("size", *parameters.size);
  if (parameters.sort && !parameters.sort->empty()) add_sort_parameter(body.sort, *parameters.sort, limits);
  if (!parameters.source.empty()) body.source = source_filter(parameters, limits);
  if (parameters.track_total_hits) body.track_total_hits = checked_tracking(*parameters.track_total_hits);
  body.version = parameters.version.value_or(body.version);
  body.seq_no_primary_term = parameters.seq_no_primary_term.value_or(body.seq_no_primary_term);
  body.typed_keys = parameters.typed_keys;
  body.total_hits_as_int = parameters.total_hits_as_int;
  body.scroll = parameters.scroll;
}

// The rows of the parameters

/// For a search and for a count.
const UnreadParameter k_preference = parameter::no_effect("preference", "text", parameter::check_text, k_one_copy);

std::optional<std::int64_t> tracking_from(std::string_view name, const std::string& text) {
  if (text == "true") return k_count_all;
  if (text == "false") return k_count_none;
  return parameter::integer(name, text);
}

using P = SearchParameters;
const std::vector<Parameter<P>> k_search_rows{
    {"size", "number", parameter::into<&P::size, parameter::integer>},
    {"from", "number", parameter::into<&P::from, parameter::integer>},
    {"sort", "list", parameter::into<&P::sort, parameter::text>},
    {"track_total_hits", "flag or number", parameter::into<&P::track_total_hits, tracking_from>},
    {"version", "flag", parameter::into<&P::version, parameter::flag>},
    {"seq_no_primary_term", "flag", parameter::into<&P::seq_no_primary_term, parameter::flag>},
    {"typed_keys", "flag", parameter::into<&P::typed_keys, parameter::flag>},
    {"rest_total_hits_as_int", "flag", parameter::into<&P::total_hits_as_int, parameter::flag>},
    {"scroll", "time", parameter::into<&P::scroll, parameter::time>, "the rest of the hits is kept for that long"},
    parameter::no_effect("timeout", "time", parameter::check_time, "a search runs to its end"),
    parameter::no_effect("request_cache", "flag", parameter::check_flag, "answers are not cached"),
    parameter::no_effect("allow_partial_search_results", "flag", parameter::check_flag,
                         "an index that fails fails the search")};

const MemberTable<BodyReading> k_count_body{
    "`_count` body", "count", k_parsing_error, {{"query", k_object, into_body<&SearchBody::query, parse_query>}}};

void check_scroll(const SearchBody& body, bool tracking_given) {
  if (tracking_given && body.track_total_hits != k_count_all)
    refuse_invalid("disabling [track_total_hits] is not allowed in a scroll context");
  if (body.from > 0) refuse_invalid("using [from] is not allowed in a scroll context");
  if (body.size == 0) refuse_invalid("[size] cannot be [0] in a scroll context");
  if (body.search_after) refuse_invalid("[search_after] cannot be used in a scroll context");
  if (body.point_in_time) refuse_invalid("using [point in time] is not allowed in a scroll context");
}

/// Checks that need both body and parameters.
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
  if (body.search_after && body.from > 0)
    refuse_invalid("[from] parameter must be set to 0 when [search_after] is used");
  // A sort by score alone, best first, is the order without `sort`. Pages of a point in time continue by sort values.
  if (!body.point_in_time && body.sort.size() == 1 && body.sorts_by_score()) body.sort.clear();
  const auto by_place = [](const SortKey& key) { return key.kind == SortKey::Kind::document; };
  if (body.point_in_time && !body.sort.empty() && std::none_of(body.sort.begin(), body.sort.end(), by_place)) {
    body.sort.push_back({.kind = SortKey::Kind::document, .field = "_shard_doc"});
    body.breaks_ties = true;
  }
}

}  // namespace

const ParameterTable<SearchParameters> k_search_parameters{
    {k_search_rows, source_rows<SearchParameters>(), indices_rows<SearchParameters>(), {k_preference}}};
const ParameterTable<IndicesParameters> k_count_parameters{{indices_rows<IndicesParameters>(), {k_preference}}};

SearchBody parse_search(std::string_view text, const SearchParameters& parameters, const Limits& limits) {
  SearchBody body;
  QueryBudget budget(limits);
  bool tracking_given = parameters.track_total_hits.has_value();
  if (!text.empty()) {
    read_object(text, k_parsing_error, [&](const JsonView& root) {
      read_body(root, parameters, budget, body);
      tracking_given = tracking_given || root.member("track_total_hits");
    });
  }
  read_parameters(parameters, limits, body);
  body.text_bytes = text.size();
  check_whole(body, tracking_given);
  return body;
}

QueryPtr parse_query_body(std::string_view text, const Limits& limits) {
  if (text.empty()) return nullptr;
  QueryBudget budget(limits);
  const QueryContext context{budget};
  SearchBody body;
  BodyReading reading{context, body};
  read_object(text, k_parsing_error, [&](const JsonView& root) { k_count_body.read(root, reading); });
  return body.query;
}

}  // namespace sightline::elastic
