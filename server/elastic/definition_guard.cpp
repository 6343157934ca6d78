#include "server/elastic/definition_guard.h"

#include <algorithm>
#include <rapidjson/document.h>
#include <string_view>

#include "server/elastic/definition_index.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/media_type.h"
#include "server/elastic/rest/router.h"
#include "server/elastic/pipelined_write.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_all_but_definitions = "*,-.sightline*";

/// How an index expression ("a,b*,-c") touches the index of definitions.
enum class Touch { none, by_wildcard, by_name };

/// Plain wildcards do not, since it is hidden.
Touch touch_of(std::string_view expression, bool with_hidden) {
  Touch touch = Touch::none;
  while (!expression.empty()) {
    const auto name = expression.substr(0, expression.find(','));
    expression.remove_prefix(std::min(expression.size(), name.size() + 1));
    if (name == k_definition_index) return Touch::by_name;
    const bool hidden_counts = with_hidden || name.starts_with('.');
    if (hidden_counts && (name == "_all" || rest::wildcard_match(name, k_definition_index)))
      touch = Touch::by_wildcard;
  }
  return touch;
}

/// True if the JSON names the index of definitions where requests name indices: under "index", "_index" or
/// "indices".
bool names_definitions(const rapidjson::Value& value, bool is_index) {
  if (value.IsString()) {
    return is_index && touch_of({value.GetString(), value.GetStringLength()}, false) != Touch::none;
  }
  if (value.IsArray()) {
    return std::any_of(value.Begin(), value.End(),
                       [&](const rapidjson::Value& item) { return names_definitions(item, is_index); });
  }
  if (!value.IsObject()) return false;
  return std::any_of(value.MemberBegin(), value.MemberEnd(), [](const auto& member) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    return names_definitions(member.value, name == "index" || name == "_index" || name == "indices");
  });
}

/// Bodies that name indices: one JSON object, or one a line.
bool body_names_definitions(std::string_view body) {
  if (const auto whole = rest::parse_json(body)) return names_definitions(*whole, false);
  while (!body.empty()) {
    const auto line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    if (const auto json = rest::parse_json(line); json && names_definitions(*json, false)) return true;
  }
  return false;
}

bool has(std::initializer_list<std::string_view> list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// Writes that are done here are looked through as they are done; the others name indices in their bodies.
bool body_touches_definitions(const http::Request& request, const std::vector<std::string>& parts) {
  const std::string& action = parts.back();
  const bool in_query_language = has({"_query", "_sql"}, parts.front());
  if (in_query_language || has({"_bulk", "_mget", "_msearch", "_aliases", "_reindex"}, action)) {
    const auto types = rest::check_media_types(request);
    const bool readable = types && !types->unsupported_content;
    // YAML, CBOR and the like are not read; nor are the query languages.
    if (!readable || in_query_language) return request.body.find(k_definition_index) != std::string::npos;
    return action != "_bulk" && body_names_definitions(request.body);
  }
  return false;
}

/// Takes the index of definitions out of what the path's wildcards stand for.
void narrow(std::string& path, const std::string& first, bool has_index) {
  if (!has_index) {
    path.insert(0, "/" + std::string(k_all_but_definitions));
    return;
  }
  const std::size_t begin = std::min(path.find_first_not_of('/'), path.size());
  const std::size_t end = std::min(path.find('/', begin), path.size());
  if (first == "_all")
    path.replace(begin, end - begin, k_all_but_definitions);
  else
    path.insert(end, k_all_but_definitions.substr(1));
}

}  // namespace

Refusal keep_from_definitions(http::Request& request, const std::vector<std::string>& parts) {
  if (parts.empty()) return {};
  bool with_hidden = false;
  if (const auto expand = rest::query_parameter(request, "expand_wildcards")) {
    with_hidden = expand->find("hidden") != std::string::npos || expand->find("all") != std::string::npos;
  }
  const std::string& first = parts.front();
  const bool searches_all = has({"_search", "_async_search", "_msearch", "_count"}, first);
  const bool has_index = !searches_all && (!first.starts_with('_') || first == "_all");
  const Touch touch = has_index                           ? touch_of(first, with_hidden)
                      : searches_all && parts.size() == 1 ? touch_of("_all", with_hidden)
                                                          : Touch::none;
  const bool makes_it = parts.size() == 3 && has({"_clone", "_split", "_shrink", "_rollover"}, parts[1]) &&
                        parts[2] == k_definition_index;
  if (touch == Touch::by_name || makes_it || body_touches_definitions(request, parts))
    return restricted_index();
  if (touch == Touch::by_wildcard) narrow(request.path, first, has_index);
  return {};
}

}  // namespace sightline::elastic
