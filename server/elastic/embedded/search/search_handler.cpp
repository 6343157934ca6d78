#include "server/elastic/embedded/search/search_handler.h"

#include <chrono>
#include <optional>

#include "base/cancellation.h"
#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/embedded/search/analyze_handler.h"
#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/embedded/search/search_runner.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the table below is made of its words

/// `/{index}/_search` names indices, `/_search` means all.
std::string expression_of(const http::Request& request) {
  const auto parts = request.path_parts();
  return parts.size() > 1 ? parts[0] : "";
}

/// Line by line; the last may lack its end.
std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// The header line of one search in an _msearch.
struct SearchHeader {
  std::string expression;
  IndicesOptions options;
  std::optional<bool> over_all_indices = {};  ///< of search_type
};

void read_indices(const JsonView& key, const JsonView& value, SearchHeader& header) {
  header.expression.clear();
  value.each_or_self([&](const JsonView& item) {
    if (!header.expression.empty()) header.expression += ',';
    header.expression += read_text(item, key.text());
  });
}

void read_wildcard_states(const JsonView& key, const JsonView& value, SearchHeader& header) {
  if (value.is_null()) return;
  std::string states;
  value.each_or_self(
      [&](const JsonView& item) { states += (states.empty() ? "" : ",") + read_text(item, key.text()); });
  if (states.empty()) return;
  if (auto refusal = read_wildcard_states(states, header.options)) refuse(*std::move(refusal));
}

template <bool IndicesOptions::* Option>
void read_option(const JsonView& key, const JsonView& value, SearchHeader& header) {
  if (value.is_string() && value.text().empty())
    refuse(illegal_argument("Could not convert [" + std::string(key.text()) + "] to boolean"));
  if (!value.is_null()) header.options.*Option = read_bool(value, key.text());
}

void read_search_type(const JsonView& key, const JsonView& value, SearchHeader& header) {
  if (!value.is_null()) header.over_all_indices = over_all_indices(read_text(value, key.text()));
}

/// No words but these, unlike elsewhere.
void check_plain_flag(const JsonView& value, std::string_view name) {
  if (value.is_string() && value.text().empty())
    refuse(illegal_argument("Failed to parse value [] as only [true] or [false] are allowed."));
  read_bool(value, name);
}

void check_throttled(const JsonView& value, std::string_view name) {
  if (!value.is_null()) check_plain_flag(value, name);
}

ElasticError unknown_header(const MemberTableBase&, const JsonView& key, const JsonView&) {
  return illegal_argument("key [" + std::string(key.text()) + "] is not supported in the metadata section");
}

ElasticError wrong_kind_in_header(const MemberTableBase&, const JsonView& key, const JsonView& value) {
  return illegal_argument("[" + std::string(key.text()) + "] in the metadata section cannot be a " +
                          token_name(value));
}

constexpr Kinds k_flags_or_null = k_flags | k_null, k_names = k_scalars | k_array;
constexpr std::string_view k_no_cache = "answers are not cached",
                           k_one_cluster = "there is one cluster",
                           k_all_or_nothing = "an index that fails fails the search",
                           k_not_frozen = "no index is frozen";
const Dialect k_header_dialect{unknown_header, wrong_kind_in_header};
const MemberTable<SearchHeader> k_header{
    "`_msearch` header", "msearch", k_header_dialect,
    {{"index", k_names, read_indices},
     {"indices", k_names, read_indices},
     {"search_type", k_text | k_null, read_search_type},
     {"searchType", k_text | k_null, read_search_type},
     {"ignore_unavailable", k_flags_or_null, read_option<&IndicesOptions::ignore_unavailable>},
     {"ignoreUnavailable", k_flags_or_null, read_option<&IndicesOptions::ignore_unavailable>},
     {"allow_no_indices", k_flags_or_null, read_option<&IndicesOptions::allow_no_indices>},
     {"allowNoIndices", k_flags_or_null, read_option<&IndicesOptions::allow_no_indices>},
     {"expand_wildcards", k_names | k_null, read_wildcard_states},
     {"expandWildcards", k_names | k_null, read_wildcard_states},
     no_effect("request_cache", k_flags, check_plain_flag, k_no_cache),
     no_effect("requestCache", k_flags, check_plain_flag, k_no_cache),
     no_effect("preference", k_any, check_nothing, k_one_copy),
     no_effect("allow_partial_search_results", k_flags, check_plain_flag, k_all_or_nothing),
     no_effect("ccs_minimize_roundtrips", k_flags, check_plain_flag, k_one_cluster),
     no_effect("ccsMinimizeRoundtrips", k_flags, check_plain_flag, k_one_cluster),
     no_effect("ignore_throttled", k_flags_or_null, check_throttled, k_not_frozen),
     refused("routing", k_any, "documents have no routing here")}};

SearchHeader read_header(std::string_view line, SearchHeader header) {
  if (line.empty()) return header;
  const auto tape = rest::JsonTape::parse(line);
  if (!tape) refuse(tape.error());
  const JsonView root(*tape, 0);
  if (!root.is_object())
    refuse(illegal_argument("Expected [START_OBJECT] but found [" + std::string(token_name(root)) + "]"));
  k_header.read(root, header);
  return header;
}

/// The parameters of an _msearch, which hold for each of its searches.
struct MultiSearchParameters : SearchParameters {};

std::vector<Parameter<MultiSearchParameters>> multi_search_rows() {
  using namespace parameter;
  using P = MultiSearchParameters;
  constexpr std::string_view k_in_turn = "its searches run one after the other";
  return {{"typed_keys", "flag",
           [](std::string_view name, const std::string& text, P& p) { p.typed_keys = flag(name, text); }},
          {"rest_total_hits_as_int", "flag",
           [](std::string_view name, const std::string& text, P& p) { p.total_hits_as_int = flag(name, text); }},
          {"include_named_queries_score", "flag",
           [](std::string_view name, const std::string& text, P& p) {
             p.named_queries_score = flag(name, text);
           }},
          {"search_type", "query_then_fetch or dfs_query_then_fetch",
           [](std::string_view, const std::string& text, P& p) { p.over_all_indices = over_all_indices(text); },
           "over several indices `dfs_query_then_fetch` is refused"},
          parameter::no_effect("max_concurrent_searches", "number", parameter::check_positive, k_in_turn),
          parameter::no_effect("max_concurrent_shard_requests", "number", parameter::check_positive, k_in_turn),
          parameter::no_effect("pre_filter_shard_size", "number", parameter::check_positive, k_in_turn),
          parameter::no_effect("ccs_minimize_roundtrips", "flag", parameter::check_flag, k_one_cluster),
          parameter::no_effect("ignore_throttled", "flag", parameter::check_plain_flag, k_not_frozen),
          parameter::refused("routing", "text", k_no_routing)};
}

const ParameterTable<MultiSearchParameters> k_multi_search_parameters{
    {multi_search_rows(), indices_rows<MultiSearchParameters>()}};

struct OneSearch {
  SearchHeader header;
  SearchBody body;
};

/// The searches of an _msearch, one after the other.
class SearchReader {
 public:
  SearchReader(std::string_view lines, const SearchHeader& otherwise, const SearchParameters& shared,
               const Limits& limits)
      : rest_(lines), otherwise_(otherwise), shared_(shared), limits_(limits) {}

  /// Nothing at the end. Throws Refused.
  std::optional<OneSearch> next() {
    check_cancelled();
    if (rest_.empty()) return std::nullopt;
    SearchHeader header = read_header(next_line(rest_), otherwise_);
    if (rest_.empty()) return std::nullopt;
    auto body = parse_search(next_line(rest_), shared_, limits_);
    if (!body) refuse(std::move(body).error());
    if (header.over_all_indices) body->over_all_indices = *header.over_all_indices;
    return OneSearch{std::move(header), *std::move(body)};
  }

 private:
  std::string_view rest_;
  const SearchHeader& otherwise_;
  const SearchParameters& shared_;
  const Limits& limits_;
};

/// All searches are read before the first is run: a mistake in one fails the request. They are not kept,
/// since a thousand of the largest would not fit.
std::size_t checked_searches(SearchReader reader, const Limits& limits) {
  std::size_t count = 0;
  for (; reader.next(); ++count) {
    if (count == limits.max_searches) {
      refuse(illegal_argument("an _msearch may hold [" + std::to_string(limits.max_searches) +
                              "] searches; send fewer, or raise --elasticsearch-max-searches"));
    }
  }
  return count;
}

Reply multi_search(const IndexLookup& indices, SearchContexts& contexts, const http::Request& request,
                   const MultiSearchParameters& parameters) {
  const auto started = std::chrono::steady_clock::now();
  std::string_view rest = request.body;
  if (rest.empty()) {
    return reply_of({400, "parse_exception", "request body or source parameter is required"});
  }
  if (!rest.ends_with('\n')) {
    return reply_of(illegal_argument("The msearch request must be terminated by a newline [\n]"));
  }
  const SearchHeader otherwise{expression_of(request), parameters.indices};
  const Limits& limits = indices.limits();
  SearchReader reader(rest, otherwise, parameters, limits);
  if (checked_searches(reader, limits) == 0) {
    return reply_of({400, "action_request_validation_exception", "Validation Failed: 1: no requests added;"});
  }
  std::string responses;
  while (const auto one = reader.next()) {
    Reply reply = run_search(indices, contexts, one->header.expression, one->header.options, one->body);
    if (reply.status == 200) reply.body.insert(reply.body.size() - 1, ",\"status\":200");
    check_answer_room(responses, reply.body.size(), limits);
    if (!responses.empty()) responses += ',';
    responses += reply.body;
  }
  const auto took = std::chrono::steady_clock::now() - started;
  return {200,
          "{\"took\":" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) +
              ",\"responses\":[" + responses + "]}"};
}

/// What the handlers work on.
struct Searched {
  IndexLookup& indices;
  SearchContexts& contexts;
};

http::Response search(const Searched& store, const http::Request& request, const SearchParameters& parameters) {
  const auto body = parse_search(request.body, parameters, store.indices.limits());
  if (!body) return body.error().response();
  return response_of(
      run_search(store.indices, store.contexts, expression_of(request), parameters.indices, *body));
}

http::Response count(const Searched& store, const http::Request& request, const CountParameters& parameters) {
  const auto query = parse_query_body(request.body, parameters, store.indices.limits());
  if (!query) return query.error().response();
  return response_of(
      run_count(store.indices, expression_of(request), parameters.indices, *query, parameters.min_score));
}

http::Response msearch(const Searched& store, const http::Request& request,
                       const MultiSearchParameters& parameters) {
  try {
    return response_of(multi_search(store.indices, store.contexts, request, parameters));
  } catch (const Refused& refused) {
    return refused.error.response();
  }
}

// Scrolls and points in time

/// The next page that a client asks for, or the contexts that it closes.
struct ContextRequest {
  std::vector<std::string> ids;
  SearchContexts::KeepAlive keep_alive;
  bool total_hits_as_int = false;
};

void read_ids(const JsonView&, const JsonView& value, ContextRequest& request) {
  request.ids.clear();  // the body goes before the URL
  value.each_or_self([&](const JsonView& item) { request.ids.push_back(read_text(item, "id")); });
}

void read_keep_alive(const JsonView& key, const JsonView& value, ContextRequest& request) {
  rest::check_time(value, key.text());
  request.keep_alive = read_time(read_text(value, key.text()));
}

ElasticError unknown_of_context(const MemberTableBase&, const JsonView& key, const JsonView& value) {
  return illegal_argument("Unknown parameter [" + shortened(key.text()) +
                          "] in request body or parameter is of the wrong type[" + token_name(value) + "] ");
}

const Dialect k_context_dialect{unknown_of_context, unknown_of_context};
const MemberTable<ContextRequest> k_scroll_body{
    "`_search/scroll` body", "scroll", k_context_dialect,
    {{"scroll_id", k_text, read_ids}, {"scroll", k_text, read_keep_alive, "without it this page is the last"}}};
const MemberTable<ContextRequest> k_close_scroll_body{"`_search/scroll` body of a DELETE", "scroll",
                                                      k_context_dialect,
                                                      {{"scroll_id", k_scalars | k_array, read_ids}}};
const MemberTable<ContextRequest> k_close_point_body{
    "`_pit` body of a DELETE", "pit", k_context_dialect, {{"id", k_scalars, read_ids}}};
const MemberTable<bool> k_open_point_body{
    "`_pit` body", "open_point_in_time_request", k_object_dialect,
    {Member<bool>(rest::refused("index_filter", k_object, "name the indices in the path"))}};

template <class Target>
void read_body(const http::Request& request, const MemberTable<Target>& table, Target& target) {
  if (request.body.empty()) return;
  const auto tape = JsonTape::parse(request.body);
  if (!tape) refuse(tape.error());
  const JsonView root(*tape, 0);
  if (!root.is_object()) refuse(illegal_argument("Malformed content, must start with an object"));
  table.read(root, target);
}

struct ScrollParameters : ContextRequest {};

/// `in_path`: the path names the scroll.
std::vector<Parameter<ScrollParameters>> scroll_rows(bool in_path) {
  using P = ScrollParameters;
  std::vector<Parameter<P>> rows = {
      {"scroll", "time",
       [](std::string_view name, const std::string& text, P& p) { p.keep_alive = parameter::time(name, text); },
       "without it this page is the last"},
      {"rest_total_hits_as_int", "flag", [](std::string_view name, const std::string& text, P& p) {
         p.total_hits_as_int = parameter::flag(name, text);
       }}};
  if (!in_path)
    rows.push_back({"scroll_id", "text", [](std::string_view, const std::string& text, P& p) { p.ids = {text}; }});
  return rows;
}

struct CloseParameters : ContextRequest {};

std::vector<Parameter<CloseParameters>> close_rows() {
  return {{"scroll_id", "list", [](std::string_view, const std::string& text, CloseParameters& p) {
             p.ids = split_expression(text);
           }}};
}

struct PointParameters : IndicesParameters {
  SearchContexts::KeepAlive keep_alive;
};

std::vector<Parameter<PointParameters>> point_rows() {
  using namespace parameter;
  return {{"keep_alive", "time",
           [](std::string_view name, const std::string& text, PointParameters& p) {
             p.keep_alive = parameter::time(name, text);
           },
           "must be given"},
          no_effect("preference", "text", check_text, k_one_copy),
          parameter::no_effect("allow_partial_search_results", "flag", parameter::check_flag, k_all_or_nothing),
          parameter::no_effect("max_concurrent_shard_requests", "number", parameter::check_positive,
                               "nothing is searched yet"),
          parameter::refused("routing", "text", k_no_routing)};
}

const ParameterTable<ScrollParameters> k_scroll_parameters{{scroll_rows(false)}},
    k_scroll_in_path_parameters{{scroll_rows(true)}};
const ParameterTable<CloseParameters> k_close_parameters{{close_rows()}}, k_no_close_parameters{{}};
const ParameterTable<PointParameters> k_point_parameters{{point_rows(), indices_rows<PointParameters>()}};
struct NoPointParameters {};
const ParameterTable<NoPointParameters> k_close_point_parameters{{}};

void check_id(const std::string& id, const char* what) {
  if (!SearchContexts::is_id(id))
    refuse(illegal_argument(std::string("Cannot parse ") + what + " id [" + shortened(id) + "]"));
}

[[noreturn]] void refuse_request(const char* fault) {
  refuse({400, "action_request_validation_exception", std::string("Validation Failed: 1: ") + fault + ";"});
}

http::Response next_page(const Searched& store, const http::Request& request, const PathParameters& path,
                         const ScrollParameters& parameters) {
  ContextRequest wanted = parameters;
  if (const std::string& id = path.get("scroll_id"); !id.empty()) wanted.ids = {id};
  read_body(request, k_scroll_body, wanted);
  if (wanted.ids.empty()) refuse_request("scrollId is missing");
  check_id(wanted.ids.front(), "scroll");
  return response_of(run_scroll(store.indices, store.contexts, wanted.ids.front(), wanted.keep_alive,
                                wanted.total_hits_as_int));
}

http::Response closed(bool succeeded, std::size_t count) {
  return response_of({count == 0 ? 404 : 200, std::string("{\"succeeded\":") + (succeeded ? "true" : "false") +
                                                  ",\"num_freed\":" + std::to_string(count) + "}"});
}

http::Response close_scrolls(const Searched& store, const http::Request& request, const PathParameters& path,
                             const CloseParameters& parameters) {
  ContextRequest wanted = parameters;
  if (const std::string& ids = path.get("scroll_id"); !ids.empty()) wanted.ids = split_expression(ids);
  read_body(request, k_close_scroll_body, wanted);
  if (wanted.ids.empty()) refuse_request("no scroll ids specified");
  if (wanted.ids == std::vector<std::string>{"_all"}) return closed(true, store.contexts.close_all_scrolls());
  for (const std::string& id : wanted.ids) check_id(id, "scroll");
  std::size_t count = 0;
  for (const std::string& id : wanted.ids) count += store.contexts.close_scroll(id) ? 1 : 0;
  return closed(true, count);
}

http::Response open_point(const Searched& store, const http::Request& request, const PathParameters& path,
                          const PointParameters& parameters) {
  bool nothing = false;
  read_body(request, k_open_point_body, nothing);
  if (!parameters.keep_alive) refuse_request("[keep_alive] is not specified");
  return response_of(open_point_in_time(store.indices, store.contexts, path.get("index"), parameters.indices,
                                        *parameters.keep_alive));
}

http::Response close_point(const Searched& store, const http::Request& request, const PathParameters&,
                           const NoPointParameters&) {
  if (request.body.empty()) refuse({400, "parse_exception", "request body or source parameter is required"});
  ContextRequest wanted;
  read_body(request, k_close_point_body, wanted);
  if (wanted.ids.empty()) refuse(illegal_argument("search context id is is not provided"));
  check_id(wanted.ids.front(), "point in time");
  const bool was_there = store.contexts.close_point_in_time(wanted.ids.front());
  return closed(was_there, was_there ? 1 : 0);
}

template <class Parameters>
void add(Router& router, const Searched& store, const std::string& name, const ParameterTable<Parameters>& table,
         http::Response (*handler)(const Searched&, const http::Request&, const Parameters&)) {
  using enum http::Method;
  for (const std::string& pattern : {"/" + name, "/{index}/" + name}) {
    router.add<Parameters>({get, post}, pattern, table,
                           [store, handler](const http::Request& request, const PathParameters&,
                                            const Parameters& parameters) {
                             return handler(store, request, parameters);
                           });
  }
}

/// For handlers that throw Refused.
template <class Parameters>
void add(Router& router, const Searched& store, std::initializer_list<http::Method> methods,
         std::string_view pattern, const ParameterTable<Parameters>& table,
         http::Response (*handler)(const Searched&, const http::Request&, const PathParameters&,
                                   const Parameters&)) {
  router.add<Parameters>(methods, pattern, table,
                         [store, handler](const http::Request& request, const PathParameters& path,
                                          const Parameters& parameters) {
                           try {
                             return handler(store, request, path, parameters);
                           } catch (const Refused& refused) {
                             return refused.error.response();
                           }
                         });
}

http::Response analyze_words(const Searched& store, const http::Request& request,
                             const AnalyzeParameters& parameters) {
  return analyze(store.indices, request, parameters);
}

}  // namespace

void add_search_handlers(Router& router, IndexLookup& indices, SearchContexts& contexts) {
  using enum http::Method;
  const Searched store{indices, contexts};
  add(router, store, "_search", k_search_parameters, search);
  add(router, store, {get, post}, "/_search/scroll", k_scroll_parameters, next_page);
  add(router, store, {get, post}, "/_search/scroll/{scroll_id}", k_scroll_in_path_parameters, next_page);
  add(router, store, {delete_}, "/_search/scroll", k_close_parameters, close_scrolls);
  add(router, store, {delete_}, "/_search/scroll/{scroll_id}", k_no_close_parameters, close_scrolls);
  add(router, store, {post}, "/{index}/_pit", k_point_parameters, open_point);
  add(router, store, {delete_}, "/_pit", k_close_point_parameters, close_point);
  add(router, store, "_count", k_count_parameters, count);
  add(router, store, "_msearch", k_multi_search_parameters, msearch);
  add(router, store, "_analyze", k_analyze_parameters, analyze_words);
}

}  // namespace sightline::elastic
