#include "server/elastic/local/search/search_handler.h"

#include <chrono>
#include <optional>

#include "base/cancellation.h"
#include "server/elastic/local/answer_size.h"
#include "server/elastic/local/search/search_body.h"
#include "server/elastic/local/search/search_runner.h"
#include "server/elastic/rest/member_table.h"
#include "server/elastic/rest/router.h"

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
constexpr std::string_view k_no_cache = "answers are not cached", k_one_copy = "there is one copy of each shard",
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

/// The parameters that an _msearch hands on to its searches.
http::Request shared_parameters(const http::Request& request) {
  http::Request shared;
  for (const char* name : {"rest_total_hits_as_int", "search_type", "typed_keys"}) {
    if (const auto value = rest::query_parameter(request, name)) {
      shared.query +=
          (shared.query.empty() ? "" : "&") + std::string(name) + "=" + http::percent_encode(*value);
    }
  }
  return shared;
}

struct OneSearch {
  SearchHeader header;
  SearchBody body;
};

/// The searches of an _msearch, one after the other.
class SearchReader {
 public:
  SearchReader(std::string_view lines, const SearchHeader& otherwise, const http::Request& shared,
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
  const http::Request& shared_;
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

Reply multi_search(const IndexLookup& indices, const http::Request& request) {
  const auto started = std::chrono::steady_clock::now();
  auto options = indices_options_of(request);
  if (!options) return reply_of(options.error());
  std::string_view rest = request.body;
  if (rest.empty()) {
    return reply_of({400, "parse_exception", "request body or source parameter is required"});
  }
  if (!rest.ends_with('\n')) {
    return reply_of(illegal_argument("The msearch request must be terminated by a newline [\n]"));
  }
  const SearchHeader otherwise{expression_of(request), *options};
  const http::Request shared = shared_parameters(request);
  const Limits& limits = indices.limits();
  SearchReader reader(rest, otherwise, shared, limits);
  if (checked_searches(reader, limits) == 0) {
    return reply_of({400, "action_request_validation_exception", "Validation Failed: 1: no requests added;"});
  }
  std::string responses;
  while (const auto one = reader.next()) {
    Reply reply = run_search(indices, one->header.expression, one->header.options, one->body);
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

}  // namespace

http::Response handle_search(IndexLookup& indices, const http::Request& request) {
  const auto options = indices_options_of(request);
  if (!options) return options.error().response();
  const auto body = parse_search(request.body, request, indices.limits());
  if (!body) return body.error().response();
  return response_of(run_search(indices, expression_of(request), *options, *body));
}

http::Response handle_count(IndexLookup& indices, const http::Request& request) {
  const auto options = indices_options_of(request);
  if (!options) return options.error().response();
  const auto query = parse_query_body(request.body, request, indices.limits());
  if (!query) return query.error().response();
  return response_of(run_count(indices, expression_of(request), *options, *query));
}

http::Response handle_msearch(IndexLookup& indices, const http::Request& request) {
  try {
    return response_of(multi_search(indices, request));
  } catch (const Refused& refused) {
    return refused.error.response();
  }
}

}  // namespace sightline::elastic
