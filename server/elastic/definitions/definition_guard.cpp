#include "server/elastic/definitions/definition_guard.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/media_type.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_all_but_definitions = "*,-.sightline*";

/// The character that hexadecimal digits give; '?' for one that no name has.
char escaped_character(std::string_view digits) {
  unsigned code = 0;
  for (const char digit : digits) {
    if (std::isxdigit(static_cast<unsigned char>(digit)) == 0) return '?';
    code = code * 16 + static_cast<unsigned>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
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

/// True if the text, of which a cluster reads more than is read here, may spell `name`: as it is, or in the escapes of
/// JSON and YAML, also in UTF-16 and UTF-32. The first character of `name` is in it once.
bool may_spell(std::string_view text, std::string_view name) {
  std::string narrow;
  if (text.find('\0') != std::string_view::npos) {
    std::copy_if(text.begin(), text.end(), std::back_inserter(narrow), [](char c) { return c != '\0'; });
    text = narrow;
  }
  std::size_t matched = 0;
  while (!text.empty()) {
    const char c = take_character(text);
    if (c == '\0') continue;
    matched = c == name[matched] ? matched + 1 : c == name.front() ? 1 : 0;
    if (matched == name.size()) return true;
  }
  return false;
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
  name = name.substr(0, name.find("::"));  // of what is in the index: "logs::data"
  const std::size_t colon = name.starts_with('<') ? name.npos : name.find(':');
  if (colon != name.npos) name.remove_prefix(colon + 1);  // another cluster's; or this one's, by a detour
  if (name == k_definition_index || (name.starts_with('<') && may_become_definitions(name))) return Touch::by_name;
  const bool hidden_counts = name.starts_with('.') || (with_hidden && colon == name.npos);
  if (!hidden_counts || (name != "_all" && !rest::wildcard_match(name, k_definition_index))) return Touch::none;
  return colon == name.npos ? Touch::by_wildcard : Touch::by_name;
}

/// Plain wildcards do not, since it is hidden.
Touch touch_of(std::string_view expression, bool with_hidden) {
  Touch touch = Touch::none;
  while (!expression.empty()) {
    const auto name = expression.substr(0, expression.find(','));
    expression.remove_prefix(std::min(expression.size(), name.size() + 1));
    const Touch one = touch_of_one(name, with_hidden);
    if (one == Touch::by_name) return one;
    if (one == Touch::by_wildcard) touch = one;
  }
  return touch;
}

bool takes_in_hidden(std::string_view expand_wildcards) {
  return expand_wildcards.find("hidden") != std::string_view::npos ||
         expand_wildcards.find("all") != std::string_view::npos;
}

bool takes_in_hidden(const rapidjson::Value& expand_wildcards) {
  if (expand_wildcards.IsArray())
    return std::any_of(expand_wildcards.Begin(), expand_wildcards.End(),
                       [](const rapidjson::Value& item) { return takes_in_hidden(item); });
  return expand_wildcards.IsString() &&
         takes_in_hidden(std::string_view(expand_wildcards.GetString(), expand_wildcards.GetStringLength()));
}

/// True if the JSON names the index of definitions where requests name indices: under "index", "_index" or
/// "indices". `with_hidden`: wildcards take in hidden indices, as an "expand_wildcards" beside them may say.
bool names_definitions(const rapidjson::Value& value, bool is_index, bool with_hidden) {
  if (value.IsString()) {
    return is_index && touch_of({value.GetString(), value.GetStringLength()}, with_hidden) != Touch::none;
  }
  if (value.IsArray()) {
    return std::any_of(value.Begin(), value.End(),
                       [&](const rapidjson::Value& item) { return names_definitions(item, is_index, with_hidden); });
  }
  if (!value.IsObject()) return false;
  const auto expand = value.FindMember("expand_wildcards");
  const bool hidden = with_hidden || (expand != value.MemberEnd() && takes_in_hidden(expand->value));
  return std::any_of(value.MemberBegin(), value.MemberEnd(), [hidden](const auto& member) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    return names_definitions(member.value, name == "index" || name == "_index" || name == "indices", hidden);
  });
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

/// Bodies that name indices: one JSON object, or one per line.
bool body_names_definitions(std::string_view body, bool with_hidden, BodyReader reader) {
  if (const auto whole = rest::parse_json(body)) return names_definitions(*whole, false, with_hidden);
  // One object whose numbers are out of range, on several lines: none of these can be read alone.
  if (rest::JsonTape::parse(body)) return may_name_definitions(body);
  while (!body.empty()) {
    const auto line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    const auto json = rest::parse_json(line);
    if (json ? names_definitions(*json, false, with_hidden) : unreadable_names_definitions(line, reader)) return true;
  }
  return false;
}

bool has(std::initializer_list<std::string_view> list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// The text of a query language in its JSON, or the body as it is.
bool query_names_definitions(std::string_view body, BodyReader reader) {
  const auto json = rest::parse_json(body);
  if (!json || !json->IsObject() || !json->HasMember("query") || !(*json)["query"].IsString())
    return unreadable_names_definitions(body, reader);
  const auto& query = (*json)["query"];
  return std::string_view(query.GetString(), query.GetStringLength()).find(k_definition_index) !=
         std::string_view::npos;
}

/// Writes that are done here are looked through as they are done; the others name indices in their bodies.
bool body_touches_definitions(const http::Request& request, const std::vector<std::string>& parts, bool has_index,
                              bool with_hidden, BodyReader reader) {
  const std::string& action = parts[has_index && parts.size() > 1 ? 1 : 0];
  const bool in_query_language = has({"_query", "_sql"}, parts.front());
  // Queries take values, documents and queries from indices that they name: terms, more_like_this, percolate.
  const bool searches = has(
      {"_search", "_async_search", "_count", "_validate", "_explain", "_delete_by_query", "_update_by_query"}, action);
  if (searches && !may_name_definitions(request.body)) return false;
  if (!in_query_language && !searches &&
      !has({"_bulk", "_mget", "_mtermvectors", "_msearch", "_fleet", "_alias", "_aliases", "_reindex"}, action))
    return false;
  const auto types = rest::check_media_types(request);
  // YAML, CBOR and the like are not read.
  if (!types || types->unsupported_content) {
    return searches ? reader == BodyReader::cluster && may_spell(request.body, k_definition_index)
                    : unreadable_names_definitions(request.body, reader);
  }
  if (in_query_language) return query_names_definitions(request.body, reader);
  return action != "_bulk" && body_names_definitions(request.body, with_hidden, reader);
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
  if (first == "_all")
    path.replace(begin, end - begin, k_all_but_definitions);
  else
    path.insert(end, k_all_but_definitions.substr(1));
}

}  // namespace

bool is_definition_index(std::string_view index) {
  return touch_of(index, false) == Touch::by_name;
}

bool may_name_definitions(std::string_view unreadable) {
  return may_spell(unreadable, k_definition_index.substr(1));
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
  const bool searches_all = has({"_search", "_async_search", "_msearch", "_count"}, first);
  const bool changes_all = first == "_settings" && request.method == http::Method::put;
  const bool has_index = !searches_all && (!first.starts_with('_') || first == "_all");
  // Where the path names no index, a parameter may.
  for (const auto& [name, value] : parameters) {
    const bool names_index = name == "index" && !has_index && !has({"_cat", "_cluster"}, first);
    if (names_index && touch_of(value, with_hidden) != Touch::none) return restricted_index();
  }
  const Touch touch = has_index                                            ? touch_of(first, with_hidden)
                      : (searches_all || changes_all) && parts.size() == 1 ? touch_of("_all", with_hidden)
                                                                           : Touch::none;
  const bool makes_it =
      parts.size() == 3 && has({"_clone", "_split", "_shrink", "_rollover"}, parts[1]) && is_definition_index(parts[2]);
  if (touch == Touch::by_name || makes_it || aliases_definitions(request, parts, has_index, reader) ||
      body_touches_definitions(request, parts, has_index, with_hidden, reader))
    return restricted_index();
  if (touch == Touch::by_wildcard) narrow(request.path, first, has_index);
  return {};
}

}  // namespace sightline::elastic
