// The search requests of the embedded store.
#include <chrono>

#include "base/cancellation.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/embedded/search/search_runner.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the table below is made of its words

/// The next line. The last may lack its line end.
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
};

void read_indices(const JsonView& key, const JsonView& value, SearchHeader& header) {
  header.expression.clear();
  value.each_or_self([&](const JsonView& item) {
    if (!header.expression.empty()) header.expression += ',';
    header.expression += read_text(item, key.text());
  });
}

template <bool IndicesOptions::*Option>
void read_option(const JsonView& key, const JsonView& value, SearchHeader& header) {
  header.options.*Option = read_bool(value, key.text());
}

const MemberTable<SearchHeader> k_header{
    "`_msearch` header",
    "msearch",
    k_argument_error,
    {{"index", k_text | k_array, read_indices},
     {"ignore_unavailable", k_flags, read_option<&IndicesOptions::ignore_unavailable>},
     {"allow_no_indices", k_flags, read_option<&IndicesOptions::allow_no_indices>},
     no_effect("preference", k_text, check_nothing, k_one_copy)}};

SearchHeader read_header(std::string_view line, SearchHeader header) {
  if (line.empty()) return header;
  const auto tape = accepted(rest::JsonTape::parse(line));
  const JsonView root(tape, 0);
  if (!root.is_object())
    refuse(illegal_argument("Expected [START_OBJECT] but found [" + std::string(token_name(root)) + "]"));
  k_header.read(root, header);
  return header;
}

/// The parameters of an _msearch apply to each of its searches.
const ParameterTable<SearchParameters> k_multi_search_parameters{
    {{{"typed_keys", "flag", parameter::into<&SearchParameters::typed_keys, parameter::flag>},
      {"rest_total_hits_as_int", "flag", parameter::into<&SearchParameters::total_hits_as_int, parameter::flag>}},
     indices_rows<SearchParameters>()}};

/// Calls `visit(header, body)` for each search of an _msearch.
template <class Visit>
void each_search(std::string_view lines, const SearchHeader& otherwise, const SearchParameters& shared,
                 const Limits& limits, const Visit& visit) {
  while (!lines.empty()) {
    check_cancelled();
    const SearchHeader header = read_header(next_line(lines), otherwise);
    if (!lines.empty()) visit(header, parse_search(next_line(lines), shared, limits));
  }
}

http::Response multi_search(StoreCore& store, const http::Request& request, const PathParameters& path,
                            const SearchParameters& parameters) {
  const auto started = std::chrono::steady_clock::now();
  const std::string_view lines = request.body;
  if (lines.empty()) refuse({400, "parse_exception", "request body or source parameter is required"});
  if (!lines.ends_with('\n')) refuse(illegal_argument("The msearch request must be terminated by a newline [\n]"));
  const SearchHeader otherwise{path.get("index"), parameters.indices};
  const Limits& limits = store.limits();
  // All searches are checked before the first one runs: an error in one fails the request. They are not stored, because
  // a thousand of the largest would not fit into memory.
  std::size_t count = 0;
  each_search(lines, otherwise, parameters, limits, [&](const SearchHeader&, const SearchBody&) {
    check_limit("searches of an _msearch", ++count, limits.max_searches, "--elasticsearch-max-searches");
  });
  if (count == 0) refuse_invalid("no requests added");
  std::string responses;
  each_search(lines, otherwise, parameters, limits, [&](const SearchHeader& header, const SearchBody& body) {
    http::Response reply = run_search(store, header.expression, header.options, body);
    if (reply.status == 200) reply.body.insert(reply.body.size() - 1, ",\"status\":200");
    check_answer_room(responses, reply.body.size(), limits);
    if (!responses.empty()) responses += ',';
    responses += reply.body;
  });
  const auto took = std::chrono::steady_clock::now() - started;
  return json_answer(
      "{\"took\":" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) +
      ",\"responses\":[" + responses + "]}");
}

http::Response search(StoreCore& store, const http::Request& request, const PathParameters& path,
                      const SearchParameters& parameters) {
  const SearchBody body = parse_search(request.body, parameters, store.limits());
  return run_search(store, path.get("index"), parameters.indices, body);
}

http::Response count(StoreCore& store, const http::Request& request, const PathParameters& path,
                     const IndicesParameters& parameters) {
  return run_count(store, path.get("index"), parameters.indices, parse_query_body(request.body, store.limits()));
}

// Scrolls and points in time

/// A request for the next page, or to close contexts.
struct ContextRequest {
  std::vector<std::string> ids;
  SearchContexts::KeepAlive keep_alive;
  bool total_hits_as_int = false;
};

void read_ids(const JsonView&, const JsonView& value, ContextRequest& request) {
  request.ids.clear();  // the body overrides the URL
  value.each_or_self([&](const JsonView& item) { request.ids.push_back(read_text(item, "id")); });
}

const MemberTable<ContextRequest> k_scroll_body{
    "`_search/scroll` body",
    "scroll",
    k_argument_error,
    {{"scroll_id", k_text, read_ids},
     {"scroll", k_text, into<&ContextRequest::keep_alive, rest::read_time>, "without it this page is the last"}}};
const MemberTable<ContextRequest> k_close_scroll_body{
    "`_search/scroll` body of a DELETE", "scroll", k_argument_error, {{"scroll_id", k_text | k_array, read_ids}}};
const MemberTable<ContextRequest> k_close_point_body{
    "`_pit` body of a DELETE", "pit", k_argument_error, {{"id", k_text, read_ids}}};

void read_body(const http::Request& request, const MemberTable<ContextRequest>& table, ContextRequest& target) {
  if (request.body.empty()) return;
  read_object(request.body, k_argument_error, [&](const JsonView& root) { table.read(root, target); });
}

struct PointParameters : IndicesParameters {
  SearchContexts::KeepAlive keep_alive;
};

std::vector<std::string> ids(std::string_view, const std::string& text) {
  return split_expression(text);
}

const ParameterTable<ContextRequest> k_scroll_parameters{
    {{{"scroll", "time", parameter::into<&ContextRequest::keep_alive, parameter::time>,
       "without it this page is the last"},
      {"rest_total_hits_as_int", "flag", parameter::into<&ContextRequest::total_hits_as_int, parameter::flag>},
      {"scroll_id", "text", parameter::into<&ContextRequest::ids, ids>}}}};
const ParameterTable<ContextRequest> k_close_parameters{
    {{{"scroll_id", "list", parameter::into<&ContextRequest::ids, ids>}}}};
const ParameterTable<PointParameters> k_point_parameters{
    {{{"keep_alive", "time", parameter::into<&PointParameters::keep_alive, parameter::time>, "must be given"},
      parameter::no_effect("preference", "text", parameter::check_text, k_one_copy)},
     indices_rows<PointParameters>()}};
const ParameterTable<NoParameters> k_close_point_parameters{{}};

http::Response next_page(StoreCore& store, const http::Request& request, const PathParameters&,
                         const ContextRequest& parameters) {
  ContextRequest wanted = parameters;
  read_body(request, k_scroll_body, wanted);
  if (wanted.ids.size() != 1) refuse_invalid("scrollId is missing");
  SearchContexts::check_id(wanted.ids.front(), "scroll");
  return run_scroll(store, wanted.ids.front(), wanted.keep_alive, wanted.total_hits_as_int);
}

http::Response closed(bool succeeded, std::size_t count) {
  json::Builder out;
  out.object().member("succeeded", succeeded).member("num_freed", count);
  return json_answer(out.text(), count == 0 ? 404 : 200);
}

http::Response close_scrolls(StoreCore& store, const http::Request& request, const PathParameters&,
                             const ContextRequest& parameters) {
  ContextRequest wanted = parameters;
  read_body(request, k_close_scroll_body, wanted);
  if (wanted.ids.empty()) refuse_invalid("no scroll ids specified");
  if (wanted.ids == std::vector<std::string>{"_all"}) return closed(true, store.search_contexts().close_all_scrolls());
  for (const std::string& id : wanted.ids) SearchContexts::check_id(id, "scroll");
  std::size_t count = 0;
  for (const std::string& id : wanted.ids)
    count += store.search_contexts().close(SearchContexts::Kind::scroll, id) ? 1 : 0;
  return closed(true, count);
}

http::Response open_point(StoreCore& store, const http::Request& request, const PathParameters& path,
                          const PointParameters& parameters) {
  if (!request.body.empty()) refuse(illegal_argument("a body of [_pit] is not supported by the embedded store"));
  if (!parameters.keep_alive) refuse_invalid("[keep_alive] is not specified");
  return open_point_in_time(store, path.get("index"), parameters.indices, *parameters.keep_alive);
}

http::Response close_point(StoreCore& store, const http::Request& request, const PathParameters&, const NoParameters&) {
  if (request.body.empty()) refuse({400, "parse_exception", "request body or source parameter is required"});
  ContextRequest wanted;
  read_body(request, k_close_point_body, wanted);
  if (wanted.ids.empty()) refuse(illegal_argument("search context id is is not provided"));
  SearchContexts::check_id(wanted.ids.front(), "point in time");
  const bool was_there = store.search_contexts().close(SearchContexts::Kind::point_in_time, wanted.ids.front());
  return closed(was_there, was_there ? 1 : 0);
}

}  // namespace

void add_search_routes(Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add{router, store};
  add({get, post}, {"/_search", "/{index}/_search"}, k_search_parameters, search);
  add({get, post}, {"/_count", "/{index}/_count"}, k_count_parameters, count);
  add({get, post}, {"/_msearch", "/{index}/_msearch"}, k_multi_search_parameters, multi_search);
  add({get, post}, {"/_search/scroll"}, k_scroll_parameters, next_page);
  add({delete_}, {"/_search/scroll"}, k_close_parameters, close_scrolls);
  add({post}, {"/{index}/_pit"}, k_point_parameters, open_point);
  add({delete_}, {"/_pit"}, k_close_point_parameters, close_point);
}

}  // namespace sightline::elastic
