#include "server/elastic/definitions/definition_guard.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "base/ascii_lower.h"
#include "base/hex_digit.h"
#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/media_type.h"
#include "server/elastic/rest/request_changes.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_all_but_definitions = "*,-.sightline*";
constexpr std::string_view k_all = "_all";
/// How requests spell it: the second only in the headers of an _msearch.
constexpr std::array<std::string_view, 2> k_expand_wildcards{"expand_wildcards", "expandWildcards"};

bool is_expand_wildcards(std::string_view name) {
  return std::find(k_expand_wildcards.begin(), k_expand_wildcards.end(), name) != k_expand_wildcards.end();
}

/// "logs" of "logs::data", which names what is in the index.
std::string_view without_selector(std::string_view name) {
  return name.substr(0, name.find("::"));
}

/// The character that hexadecimal digits give; '?' for one that no name has.
char escaped_character(std::string_view digits) {
  unsigned code = 0;
  for (const char digit : digits) {
    const int value = hex_digit(digit);
    if (value < 0) return '?';
    code = code * 16 + static_cast<unsigned>(value);
  }
  return code > 0 && code < 0x80 ? static_cast<char>(code) : '?';
}

/// Takes the next character off a text of JSON or YAML. '\0': a backslash at the end of a line, which goes on.
char take_character(std::string_view& text) {
  const auto take = [&text](std::size_t count) {
    const auto taken = text.substr(0, count);
    text.remove_prefix(taken.size());
    return taken;
  };
  const char c = take(1).front();
  if (c != '\\' || text.empty()) return c;
  if (const auto line = text.find_first_not_of(" \t\r\n"); line != 0) return take(line), '\0';
  const std::size_t digits = text.front() == 'u' ? 4 : text.front() == 'x' ? 2 : text.front() == 'U' ? 8 : 0;
  return digits > 0 && text.size() > digits ? escaped_character(take(digits + 1).substr(1)) : '?';
}

/// The text without its escapes, also of UTF-16 and UTF-32: what a reader may make of it that reads more than is read
/// here.
std::string unescaped(std::string_view text) {
  std::string narrow;
  if (text.find('\0') != std::string_view::npos) {
    std::copy_if(text.begin(), text.end(), std::back_inserter(narrow), [](char c) { return c != '\0'; });
    text = narrow;
  }
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    if (const char c = take_character(text); c != '\0') plain += c;
  }
  return plain;
}

/// True if `name` is in the text, or in what a reader may make of it. Every search comes here: most have no escapes.
bool may_hold(std::string_view text, std::string_view name) {
  const bool has_escapes = text.find('\\') != std::string_view::npos || text.find('\0') != std::string_view::npos;
  return has_escapes ? unescaped(text).find(name) != std::string::npos : text.find(name) != std::string_view::npos;
}

/// How an index expression ("a,b*,-c") touches the index of definitions.
enum class Touch { none, by_wildcard, by_name };

/// True if date math ("<logs-{now/d}>") can give the index of definitions. Its dates may hold any text, so
/// that only what comes before them rules it out.
bool may_become_definitions(std::string_view math) {
  std::string fixed;
  for (const char c : math.substr(1)) {
    if (c == '{' || c == '>' || c == '*') break;
    if (c != '\\') fixed += c;
  }
  return k_definition_index.starts_with(fixed);
}

Touch touch_of_one(std::string_view name, bool with_hidden) {
  name = without_selector(name);
  const std::size_t colon = name.starts_with('<') ? name.npos : name.find(':');
  if (colon != name.npos) name.remove_prefix(colon + 1);  // another cluster's; or this one's, by a detour
  if (name == k_definition_index || (name.starts_with('<') && may_become_definitions(name))) return Touch::by_name;
  const bool hidden_counts = name.starts_with('.') || (with_hidden && colon == name.npos);
  const bool fits = name.empty() || name == k_all || rest::wildcard_match(name, k_definition_index);
  if (!hidden_counts || !fits) return Touch::none;
  return colon == name.npos ? Touch::by_wildcard : Touch::by_name;
}

/// Plain wildcards do not, since it is hidden. Without a name, an expression means all indices.
Touch touch_of(std::string_view expression, bool with_hidden) {
  if (names_no_index(expression)) return touch_of_one(k_all, with_hidden);
  Touch touch = Touch::none;
  while (!expression.empty()) {
    const auto name = expression.substr(0, expression.find(','));
    expression.remove_prefix(std::min(expression.size(), name.size() + 1));
    if (name.empty()) continue;
    const Touch one = touch_of_one(name, with_hidden);
    if (one == Touch::by_name) return one;
    if (one == Touch::by_wildcard) touch = one;
  }
  return touch;
}

bool takes_in_hidden(std::string_view expand_wildcards) {
  const std::string states = ascii_lower(expand_wildcards);
  return states.find("hidden") != std::string::npos || states.find("all") != std::string::npos;
}

bool takes_in_hidden(const rapidjson::Value& expand_wildcards) {
  if (expand_wildcards.IsArray())
    return std::any_of(expand_wildcards.Begin(), expand_wildcards.End(),
                       [](const rapidjson::Value& item) { return takes_in_hidden(item); });
  return expand_wildcards.IsString() &&
         takes_in_hidden(std::string_view(expand_wildcards.GetString(), expand_wildcards.GetStringLength()));
}

/// The names in an array of them as one expression, as both kinds of store read it.
std::string joined(const rapidjson::Value& names) {
  std::string expression;
  for (const auto& name : names.GetArray()) {
    if (!expression.empty()) expression += ',';
    if (name.IsString()) expression.append(name.GetString(), name.GetStringLength());
    if (name.IsNumber()) expression += '0';  // a name of digits
  }
  return expression;
}

/// What a body says about indices where it is not in the body.
struct Around {
  bool with_hidden;            ///< wildcards take in hidden indices
  std::string_view otherwise;  ///< the expression of a search that names none
};

bool takes_in_hidden_indices(const rapidjson::Value& object) {
  return std::any_of(object.MemberBegin(), object.MemberEnd(), [](const auto& member) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    return is_expand_wildcards(name) && takes_in_hidden(member.value);
  });
}

/// True if the JSON names the index of definitions where requests name indices: under "index", "_index" or
/// "indices". Wildcards take in hidden indices where an "expand_wildcards" beside them says so.
bool names_definitions(const rapidjson::Value& value, bool is_index, const Around& around) {
  const auto touches = [&](std::string_view expression) {
    return touch_of(expression, around.with_hidden) != Touch::none;
  };
  if (value.IsString()) return is_index && touches({value.GetString(), value.GetStringLength()});
  if (value.IsNull()) return is_index && touches({});
  if (value.IsArray()) {
    const bool is_list = std::none_of(value.Begin(), value.End(), [](const auto& item) { return item.IsObject(); });
    if (is_index && is_list && touches(joined(value))) return true;
    return std::any_of(value.Begin(), value.End(), [&](const rapidjson::Value& item) {
      return (item.IsObject() || item.IsArray()) && names_definitions(item, is_index, around);
    });
  }
  if (!value.IsObject()) return false;
  Around inner = around;
  const bool own_hidden = takes_in_hidden_indices(value);
  inner.with_hidden = around.with_hidden || own_hidden;
  bool names_any = false;
  for (const auto& member : value.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    const bool names_index = name == "index" || name == "_index" || name == "indices";
    names_any = names_any || names_index;
    if (names_definitions(member.value, names_index, inner)) return true;
  }
  // Where the request itself takes in hidden indices, its path is narrowed.
  return own_hidden && !around.with_hidden && !names_any && touch_of(around.otherwise, true) != Touch::none;
}

/// True if the JSON gives an index the name of the index of definitions, as an alias: under "alias" or "aliases".
bool gives_alias(const rapidjson::Value& value, bool is_alias) {
  if (value.IsString()) return is_alias && is_definition_index({value.GetString(), value.GetStringLength()});
  if (value.IsArray()) {
    return std::any_of(value.Begin(), value.End(),
                       [&](const rapidjson::Value& item) { return gives_alias(item, is_alias); });
  }
  if (!value.IsObject()) return false;
  return std::any_of(value.MemberBegin(), value.MemberEnd(), [is_alias](const auto& member) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    if (is_alias && is_definition_index(name)) return true;  // {"aliases":{NAME:{}}}
    return name != "remove" && gives_alias(member.value, name == "alias" || name == "aliases");
  });
}

/// True if what is behind the front reads a text that cannot be read here, and the text may name the index.
bool unreadable_names_definitions(std::string_view text, BodyReader reader) {
  // A tape also has numbers that are out of range.
  return (reader == BodyReader::cluster || rest::JsonTape::parse(text)) && may_name_definitions(text);
}

constexpr std::string_view k_of_names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.*";

/// True if a wildcard (".s*") in the text fits the index of definitions. `alone`: only where no name goes on before it,
/// as in "user.*".
bool holds_fitting_wildcard(std::string_view text, bool alone) {
  for (std::size_t at = text.find('.'); at != std::string_view::npos; at = text.find('.', at + 1)) {
    if (alone && at > 0 && (k_of_names.find(text[at - 1]) != std::string_view::npos || text[at - 1] == '}')) continue;
    const auto pattern = text.substr(at, text.find_first_not_of(k_of_names, at) - at);
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) continue;
    // What follows a name in a binary format may look like more of it.
    if (alone ? rest::wildcard_match(pattern, k_definition_index)
              : k_definition_index.starts_with(pattern.substr(0, star)))
      return true;
  }
  return false;
}

/// True if date math in the text can give the index of definitions.
bool holds_fitting_date_math(std::string_view text) {
  for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const bool begins = text.substr(at + 1).starts_with('.') || text.substr(at + 1).starts_with('{');
    if (begins && may_become_definitions(text.substr(at))) return true;
  }
  return false;
}

/// The same of a text that names indices to search: also by wildcards.
bool unreadable_touches_definitions(std::string_view text, BodyReader reader) {
  if (unreadable_names_definitions(text, reader)) return true;
  if (reader == BodyReader::sightline && !rest::JsonTape::parse(text)) return false;
  const std::string plain = unescaped(text);
  const bool expands = std::any_of(k_expand_wildcards.begin(), k_expand_wildcards.end(),
                                   [&](std::string_view name) { return plain.find(name) != std::string::npos; });
  return expands || holds_fitting_wildcard(plain, false) || holds_fitting_date_math(plain);
}

/// Bodies that name indices: one JSON object, or one per line.
bool body_names_definitions(std::string_view body, const Around& around, BodyReader reader) {
  if (const auto whole = rest::parse_json(body)) return names_definitions(*whole, false, around);
  // One object whose numbers are out of range, on several lines: none of these can be read alone.
  if (rest::JsonTape::parse(body)) return unreadable_touches_definitions(body, reader);
  while (!body.empty()) {
    const auto line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    const auto json = rest::parse_json(line);
    if (json ? names_definitions(*json, false, around) : unreadable_touches_definitions(line, reader)) return true;
  }
  return false;
}

bool has(std::initializer_list<std::string_view> list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// The text of a query language in its JSON, and its filter; or the body as it is.
bool query_names_definitions(std::string_view body, BodyReader reader) {
  const auto json = rest::parse_json(body);
  if (!json || !json->IsObject() || !json->HasMember("query") || !(*json)["query"].IsString())
    return unreadable_touches_definitions(body, reader);
  const auto& query = (*json)["query"];
  const std::string_view text(query.GetString(), query.GetStringLength());
  return text.find(k_definition_index) != std::string_view::npos || holds_fitting_wildcard(text, true) ||
         holds_fitting_date_math(text) || names_definitions(*json, false, {false, k_all});
}

/// Writes that are done here are looked through as they are done; the others name indices in their bodies.
bool body_touches_definitions(const http::Request& request, const std::vector<std::string>& parts, bool has_index,
                              bool with_hidden, BodyReader reader) {
  const std::string& action = parts[has_index && parts.size() > 1 ? 1 : 0];
  const bool in_query_language = has({"_query", "_sql"}, parts.front());
  // Queries take values, documents and queries from indices that they name: terms, more_like_this, percolate.
  const bool searches =
      has({"_search", "_async_search", "_count", "_validate", "_explain", "_delete_by_query", "_update_by_query",
           "_rank_eval", "_field_caps", "_terms_enum", "_pit", "_eql", "_knn_search", "_graph", "_mvt"},
          action);
  if (searches && !may_name_definitions(request.body)) return false;
  const bool names_indices = has({"_bulk", "_mget", "_mtermvectors", "_msearch", "_fleet", "_alias", "_aliases",
                                  "_reindex", "_transform", "_ml", "_enrich", "_watcher", "_rollup"},
                                 action);
  if (!in_query_language && !searches && !names_indices) return false;
  const auto types = rest::check_media_types(request);
  // YAML, CBOR and the like are not read.
  if (!types || types->unsupported_content) {
    if (searches) return reader == BodyReader::cluster && may_hold(request.body, k_definition_index);
    return action == "_bulk" ? unreadable_names_definitions(request.body, reader)
                             : unreadable_touches_definitions(request.body, reader);
  }
  if (in_query_language) return query_names_definitions(request.body, reader);
  const Around around{with_hidden, has_index ? std::string_view(parts.front()) : k_all};
  return action != "_bulk" && body_names_definitions(request.body, around, reader);
}

/// True if the request gives an index the name of the index of definitions, as an alias.
bool aliases_definitions(const http::Request& request, const std::vector<std::string>& parts, bool has_index,
                         BodyReader reader) {
  if (request.method != http::Method::put && request.method != http::Method::post) return false;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (has({"_alias", "_aliases"}, parts[i]) && is_definition_index(parts[i + 1])) return true;
  }
  const bool makes_index = has_index && parts.size() == 1;
  const auto is_action = [](const std::string& part) {
    return has({"_alias", "_aliases", "_rollover", "_clone", "_split", "_shrink", "_index_template",
                "_component_template", "_template"},
               part);
  };
  if (request.body.empty() || (!makes_index && std::none_of(parts.begin(), parts.end(), is_action))) return false;
  const auto types = rest::check_media_types(request);
  if (types && !types->unsupported_content) {
    if (const auto json = rest::parse_json(request.body)) return gives_alias(*json, false);
  }
  return unreadable_names_definitions(request.body, reader);
}

/// Takes the index of definitions out of what the path's wildcards match.
void narrow(std::string& path, const std::string& first, bool has_index) {
  if (!has_index) {
    path.insert(0, "/" + std::string(k_all_but_definitions));
    return;
  }
  const std::size_t begin = std::min(path.find_first_not_of('/'), path.size());
  const std::size_t end = std::min(path.find('/', begin), path.size());
  const std::string selector = first.substr(std::min(first.find("::"), first.size()));
  if (is_all(first) || names_no_index(first))
    path.replace(begin, end - begin,
                 "*" + http::percent_encode(selector) + std::string(k_all_but_definitions.substr(1)));
  else
    path.insert(end, k_all_but_definitions.substr(1));
}

/// Commands that run over all indices where the path names none; what may follow them is part of the command.
bool runs_over_all(const std::vector<std::string>& parts, http::Method method) {
  if (parts.front() == "_settings") return parts.size() == 1 && method == http::Method::put;
  if (!has({"_search", "_async_search", "_msearch", "_count", "_rank_eval", "_field_caps", "_validate",
            "_search_shards"},
           parts.front()))
    return false;
  return parts.size() == 1 || (parts.size() == 2 && has({"template", "query"}, parts[1]));
}

}  // namespace

bool is_all(std::string_view expression) {
  return without_selector(expression) == k_all;
}

bool names_no_index(std::string_view expression) {
  while (!expression.empty()) {
    const auto name = expression.substr(0, expression.find(','));
    expression.remove_prefix(std::min(expression.size(), name.size() + 1));
    if (!without_selector(name).empty()) return false;
  }
  return true;
}

bool is_definition_index(std::string_view index) {
  return touch_of(index, false) == Touch::by_name;
}

bool touches_definitions(std::string_view expression) {
  return touch_of(expression, false) != Touch::none;
}

bool may_name_definitions(std::string_view unreadable) {
  return may_hold(unreadable, k_definition_index.substr(1));
}

ElasticError restricted_index() {
  return {403, "security_exception",
          "index [" + std::string(k_definition_index) +
              "] holds inference endpoints and pipelines, use _inference and _ingest/pipeline"};
}

Refusal keep_from_definitions(http::Request& request, const std::vector<std::string>& parts, BodyReader reader) {
  if (parts.empty()) return {};
  const auto parameters = request.query_parameters();
  bool with_hidden = false;
  for (const auto& [name, value] : parameters)
    with_hidden = with_hidden || (name == "expand_wildcards" && takes_in_hidden(value));
  const std::string& first = parts.front();
  const bool has_index = !first.starts_with('_') || is_all(first);
  // Where the path names no index, a parameter may.
  for (const auto& [name, value] : parameters) {
    const bool names_index = name == "index" && !has_index && !has({"_cat", "_cluster"}, first);
    if (names_index && touch_of(value, with_hidden) != Touch::none) return restricted_index();
  }
  const Touch touch = has_index                              ? touch_of(first, with_hidden)
                      : runs_over_all(parts, request.method) ? touch_of(k_all, with_hidden)
                                                             : Touch::none;
  const auto sourced = rest::source_as_body(request);
  const http::Request& judged = sourced ? *sourced : request;
  const bool makes_it =
      parts.size() == 3 && has({"_clone", "_split", "_shrink", "_rollover"}, parts[1]) && is_definition_index(parts[2]);
  if (touch == Touch::by_name || makes_it || aliases_definitions(judged, parts, has_index, reader) ||
      body_touches_definitions(judged, parts, has_index, with_hidden, reader))
    return restricted_index();
  if (touch == Touch::by_wildcard) narrow(request.path, first, has_index);
  return {};
}

}  // namespace sightline::elastic
