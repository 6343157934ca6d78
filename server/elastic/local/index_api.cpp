// Indices over REST.
#include <algorithm>
#include <set>

#include "base/cancellation.h"
#include "server/elastic/local/answer_size.h"
#include "server/elastic/local/api.h"
#include "server/elastic/local/index_names.h"
#include "server/elastic/local/mapping_parser.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;

constexpr const char* k_read = "ignore_unavailable allow_no_indices expand_wildcards local master_timeout";
constexpr const char* k_change =
    "ignore_unavailable allow_no_indices expand_wildcards master_timeout timeout";

const ElasticError& body_required() {
  static const ElasticError error{400, "parse_exception", "request body is required"};
  return error;
}

/// What many handlers begin with: the indices that the path names.
Answer<std::vector<IndexPtr>> named_indices(const StoreCore& store, const Request& request,
                                            const PathParameters& path) {
  const auto options = indices_options_of(request);
  if (!options) return options.error();
  return store.find_all(path.get("index"), *options);
}

/// For comma lists of names that are compared with many others.
Refusal check_names(const StoreCore& store, std::string_view what, std::string_view names) {
  const auto count = static_cast<std::size_t>(std::count(names.begin(), names.end(), ',')) + 1;
  return rest::check_pattern_count(what, count, store.limits().max_patterns);
}

/// `{"a":{..},"b":{..}}`, a member an index.
template <class Write>
Response answer_by_index(const StoreCore& store, const Answer<std::vector<IndexPtr>>& indices,
                         const Write& write) {
  if (!indices) return indices.error().response();
  std::string out = "{";
  for (const IndexPtr& index : *indices) {
    if (out.size() > 1) out += ',';
    append_key(out, index->name());
    out += '{';
    write(out, *index);
    out += '}';
    check_answer_size(out, store.limits());
  }
  return json_answer(out + "}");
}

/// Before a definition is read, which takes several times its size.
Refusal check_definition_body(const Request& request, const StoreCore& store) {
  if (request.body.size() <= store.limits().max_definition_bytes) return std::nullopt;
  return definition_too_large(request.body.size(), store.limits());
}

Answer<IndexCreation> read_creation(const Request& request, const StoreCore& store) {
  const std::string& body = request.body;
  IndexCreation creation;
  if (body.empty()) return creation;
  if (auto refusal = check_definition_body(request, store)) return *std::move(refusal);
  const auto document = rest::parse_json(body);
  if (!document) return document.error();
  if (!document->IsObject())
    return ElasticError{400, "parse_exception", "the body of an index creation must be an object"};
  for (const auto& [key, value] : document->GetObject()) {
    const std::string name = shown(key);
    if (name == "settings") {
      auto settings = parse_settings(value, store.limits());
      if (!settings) return settings.error();
      creation.settings = *std::move(settings);
    } else if (name == "mappings") {
      if (!value.IsObject()) return ElasticError{400, "parse_exception", "key [mappings] must be an object"};
      auto mapping = Mapping::parse(value);
      if (!mapping) return mapping_parse_error(std::move(mapping).error());
      creation.mapping = *std::move(mapping);
    } else if (name == "aliases") {
      auto aliases = parse_aliases(value);
      if (!aliases) return aliases.error();
      creation.aliases = *std::move(aliases);
    } else {
      return ElasticError{400, "parse_exception", "unknown key [" + name + "] for create index"};
    }
  }
  return creation;
}

Response create_index(StoreCore& store, const Request& request, const PathParameters& path) {
  const std::string& name = path.get("index");
  auto creation = read_creation(request, store);
  if (!creation) return creation.error().response();
  const auto index = store.create_index(name, *std::move(creation));
  if (!index) return index.error().response();
  std::string out = "{\"acknowledged\":true,\"shards_acknowledged\":true,\"index\":";
  rest::append_json_string(out, name);
  return json_answer(out + "}");
}

Response delete_index(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto options = indices_options_of(request);
  if (!options) return options.error().response();
  const auto parts = split_expression(path.get("index"));
  for (const std::string& part : parts) {
    if (is_wildcard(part))
      return illegal_argument("Wildcard expressions or all indices are not allowed").response();
  }
  auto indices = store.find_all(path.get("index"), *options);
  if (!indices) return indices.error().response();
  if (options->ignore_unavailable) {  // an alias is none of the indices that could be deleted
    std::erase_if(*indices, [&](const IndexPtr& index) {
      return std::find(parts.begin(), parts.end(), index->name()) == parts.end();
    });
  } else {
    for (const std::string& part : parts) {
      for (const IndexPtr& index : *indices) {
        if (index->has_alias(part)) {
          return illegal_argument("The provided expression [" + part +
                                  "] matches an alias, specify the corresponding concrete indices instead.")
              .response();
        }
      }
    }
  }
  if (auto refusal = store.delete_indices(*indices)) return refusal->response();
  return acknowledged();
}

Response get_index(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto flat = rest::query_flag(request, "flat_settings", false);
  if (!flat) return flat.error().response();
  const auto indices = named_indices(store, request, path);
  return answer_by_index(store, indices, [&](std::string& out, const LocalIndex& index) {
    out += "\"aliases\":" + aliases_json(index.aliases()) + ",\"mappings\":" + index.mapping()->to_json() +
           ",\"settings\":" + settings_json(index.settings(), *flat);
  });
}

Response exists(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto indices = named_indices(store, request, path);
  if (!indices) return indices.error().response();
  return json_answer("", indices->empty() ? 404 : 200);
}

Response get_mapping(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto indices = named_indices(store, request, path);
  return answer_by_index(store, indices, [](std::string& out, const LocalIndex& index) {
    out += "\"mappings\":" + index.mapping()->to_json();
  });
}

Response put_mapping(StoreCore& store, const Request& request, const PathParameters& path) {
  if (request.body.empty()) return body_required().response();
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  const auto body = rest::parse_json(request.body);
  if (!body) return body.error().response();
  const auto mapping = Mapping::parse(*body);
  if (!mapping) return mapping_parse_error(mapping.error()).response();
  const auto indices = named_indices(store, request, path);
  if (!indices) return indices.error().response();
  if (auto refusal = store.merge_mapping(*indices, *mapping)) return refusal->response();
  return acknowledged();
}

Response get_settings(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto flat = rest::query_flag(request, "flat_settings", false);
  if (!flat) return flat.error().response();
  const std::string pattern = path.get("name").empty() || path.get("name") == "_all" ? "*" : path.get("name");
  if (auto refusal = check_names(store, "name", pattern)) return refusal->response();
  const auto indices = named_indices(store, request, path);
  return answer_by_index(store, indices, [&](std::string& out, const LocalIndex& index) {
    out += "\"settings\":" + settings_json(index.settings(), *flat, pattern);
  });
}

Response put_settings(StoreCore& store, const Request& request, const PathParameters& path) {
  if (request.body.empty()) return body_required().response();
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  const auto body = rest::parse_json(request.body);
  if (!body) return body.error().response();
  const bool wrapped = body->IsObject() && body->MemberCount() == 1 && body->HasMember("settings");
  const auto changes = parse_settings(wrapped ? (*body)["settings"] : *body, store.limits());
  if (!changes) return changes.error().response();
  const auto indices = named_indices(store, request, path);
  if (!indices) return indices.error().response();
  if (auto refusal = store.change_settings(*indices, *changes)) return refusal->response();
  return acknowledged();
}

Response refresh(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto indices = named_indices(store, request, path);
  if (!indices) return indices.error().response();
  store.refresh(*indices);
  int total = 0;
  for (const IndexPtr& index : *indices) total += 1 + replicas_of(index->settings());
  return json_answer("{\"_shards\":{\"total\":" + std::to_string(total) +
                     ",\"successful\":" + std::to_string(indices->size()) + ",\"failed\":0}}");
}

/// The aliases that a comma list with wildcards chooses; `-name` takes out again what parts before it chose.
/// Empty: all.
Aliases chosen_aliases(const LocalIndex& index, const std::string& names) {
  Aliases all = index.aliases();
  if (names.empty()) return all;
  const auto patterns = split_expression(names);
  std::erase_if(all, [&](const auto& alias) {
    check_cancelled();
    bool chosen = false;
    for (const std::string_view pattern : patterns) {
      if (!pattern.starts_with('-')) {
        chosen = chosen || part_fits(pattern, alias.first);
      } else if (chosen) {
        chosen = !part_fits(pattern.substr(1), alias.first);
      }
    }
    return !chosen;
  });
  return all;
}

/// The names of a comma list that stand for themselves, are not taken out by a later part, and are not among
/// `found`: sorted, each once. A leading `-` is a sign behind the first wildcard, and part of a name before.
std::set<std::string> missing_aliases(const std::string& names, const std::set<std::string>& found) {
  const auto parts = split_expression(names);
  const auto wildcard = std::find_if(parts.begin(), parts.end(),
                                     [](const std::string& part) { return part.find('*') != part.npos; });
  std::set<std::string> missing;
  for (auto part = parts.begin(); part != parts.end(); ++part) {
    if (is_wildcard(*part) || (part > wildcard && part->starts_with('-')) || found.contains(*part)) continue;
    const bool taken_out =
        std::any_of(std::max(part + 1, wildcard), parts.end(), [&](const std::string& later) {
          return later.starts_with('-') && part_fits(std::string_view(later).substr(1), *part);
        });
    if (!taken_out) missing.insert(*part);
  }
  return missing;
}

Response get_alias(StoreCore& store, const Request& request, const PathParameters& path) {
  auto indices = named_indices(store, request, path);
  if (!indices) return indices.error().response();
  const std::string& names = path.get("name");
  if (auto refusal = check_names(store, "name", names)) return refusal->response();
  std::string missing;
  if (!names.empty()) {
    std::set<std::string> found;
    std::erase_if(*indices, [&](const IndexPtr& index) {
      const Aliases chosen = chosen_aliases(*index, names);
      for (const auto& [name, alias] : chosen) found.insert(name);
      return chosen.empty();
    });
    const auto absent = missing_aliases(names, found);
    for (const std::string& name : absent) missing += (missing.empty() ? "" : ",") + name;
    if (!missing.empty()) missing = (absent.size() == 1 ? "alias [" : "aliases [") + missing + "] missing";
  }
  Response response = answer_by_index(store, indices, [&](std::string& out, const LocalIndex& index) {
    out += "\"aliases\":" + aliases_json(chosen_aliases(index, names));
  });
  if (missing.empty()) return response;
  std::string out = "{\"error\":";
  rest::append_json_string(out, missing);
  out += ",\"status\":404";
  // What is there follows.
  return json_answer(out + (response.body == "{}" ? "" : ",") + response.body.substr(1), 404);
}

Response put_alias(StoreCore& store, const Request& request, const PathParameters& path) {
  Alias alias;
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  if (!request.body.empty()) {
    std::string wrapped = "{";
    append_key(wrapped, path.get("name"));
    const auto body = rest::parse_json(wrapped.append(json::without_byte_order_mark(request.body)) + "}");
    if (!body) return body.error().response();
    const auto parsed = parse_aliases(*body);
    if (!parsed) return parsed.error().response();
    alias = parsed->begin()->second;
  }
  const auto indices = named_indices(store, request, path);
  if (!indices) return indices.error().response();
  std::vector<AliasChange> changes;
  for (const IndexPtr& index : *indices) changes.push_back({index, path.get("name"), alias});
  if (auto refusal = store.change_aliases(changes)) return refusal->response();
  return json_answer("{\"acknowledged\":true,\"errors\":false}");
}

Response delete_alias(StoreCore& store, const Request& request, const PathParameters& path) {
  if (auto refusal = check_names(store, "name", path.get("name"))) return refusal->response();
  const auto indices = named_indices(store, request, path);
  if (!indices) return indices.error().response();
  std::vector<AliasChange> changes;
  for (const IndexPtr& index : *indices) {
    for (const auto& [name, alias] : chosen_aliases(*index, path.get("name")))
      changes.push_back({index, name, std::nullopt});
  }
  if (changes.empty() && !indices->empty())
    changes.push_back({indices->front(), path.get("name"), std::nullopt});  // gives the error
  if (auto refusal = store.change_aliases(changes)) return refusal->response();
  return json_answer("{\"acknowledged\":true,\"errors\":false}");
}

std::vector<std::string> texts_of(const rapidjson::Value& action, const char* one, const char* many) {
  std::vector<std::string> texts;
  if (action.HasMember(one) && action[one].IsString()) texts.push_back(shown(action[one]));
  if (action.HasMember(many) && action[many].IsArray()) {
    for (const auto& text : action[many].GetArray()) texts.push_back(shown(text));
  }
  return texts;
}

Refusal read_alias_action(const StoreCore& store, const rapidjson::Value& entry,
                          std::vector<AliasChange>& changes) {
  if (!entry.IsObject() || entry.MemberCount() != 1 || !entry.MemberBegin()->value.IsObject()) {
    return illegal_argument("an alias action must be an object like {\"add\":{\"index\":..,\"alias\":..}}");
  }
  const std::string kind = shown(entry.MemberBegin()->name);
  const auto& action = entry.MemberBegin()->value;
  if (kind != "add" && kind != "remove")
    return illegal_argument("alias action [" + kind + "] is not supported by this server");
  Alias alias;
  for (const auto& [key, value] : action.GetObject()) {
    const std::string name = shown(key);
    if (name == "is_write_index" && value.IsBool()) {
      alias.is_write_index = value.GetBool();
    } else if (name != "index" && name != "indices" && name != "alias" && name != "aliases" &&
               name != "must_exist") {
      return illegal_argument("[" + name + "] of an alias action is not supported by this server");
    }
  }
  const auto aliases = texts_of(action, "alias", "aliases");
  const auto expressions = texts_of(action, "index", "indices");
  if (aliases.empty())
    return ElasticError{400, "action_request_validation_exception",
                        "Validation Failed: 1: One of [alias] or [aliases] is required;"};
  if (expressions.empty())
    return ElasticError{400, "action_request_validation_exception",
                        "Validation Failed: 1: One of [index] or [indices] is required;"};
  const std::size_t most = store.limits().max_alias_changes;
  for (const std::string& expression : expressions) {
    const auto indices = store.find_all(expression, {});
    if (!indices) return indices.error();
    for (const IndexPtr& index : *indices) {
      for (const std::string& name : aliases) {
        check_cancelled();
        if (changes.size() == most) {
          return illegal_argument("a request may change [" + std::to_string(most) +
                                  "] aliases; send fewer, or raise --elasticsearch-max-alias-changes");
        }
        changes.push_back({index, name, kind == "add" ? std::optional(alias) : std::nullopt});
      }
    }
  }
  return std::nullopt;
}

Response change_aliases(StoreCore& store, const Request& request, const PathParameters&) {
  if (request.body.empty()) return body_required().response();
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  const auto body = rest::parse_json(request.body);
  if (!body) return body.error().response();
  if (!body->IsObject() || !body->HasMember("actions") || !(*body)["actions"].IsArray()) {
    return illegal_argument("No action specified").response();
  }
  std::vector<AliasChange> changes;
  for (const auto& entry : (*body)["actions"].GetArray()) {
    if (auto refusal = read_alias_action(store, entry, changes)) return refusal->response();
  }
  if (auto refusal = store.change_aliases(changes)) return refusal->response();
  return json_answer("{\"acknowledged\":true,\"errors\":false}");
}

}  // namespace

void add_index_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add(router, store);
  const std::string read = k_read, change = k_change;
  add({put}, "/{index}", "timeout master_timeout wait_for_active_shards", create_index);
  add({delete_}, "/{index}", change, delete_index);
  add({get}, "/{index}", read + " flat_settings", get_index);
  add({head}, "/{index}", read + " flat_settings", exists);
  for (const char* pattern : {"/_mapping", "/_mappings", "/{index}/_mapping", "/{index}/_mappings"}) {
    add({get}, pattern, read, get_mapping);
  }
  for (const char* pattern : {"/{index}/_mapping", "/{index}/_mappings"}) {
    add({put, post}, pattern, change + " write_index_only", put_mapping);
  }
  for (const char* pattern :
       {"/_settings", "/_settings/{name}", "/{index}/_settings", "/{index}/_settings/{name}"}) {
    add({get}, pattern, read + " flat_settings", get_settings);
  }
  for (const char* pattern : {"/_settings", "/{index}/_settings"})
    add({put}, pattern, change + " flat_settings", put_settings);
  for (const char* pattern : {"/_refresh", "/{index}/_refresh", "/_flush", "/{index}/_flush"}) {
    add({get, post}, pattern, "ignore_unavailable allow_no_indices expand_wildcards force wait_if_ongoing",
        refresh);
  }
  for (const char* pattern : {"/_forcemerge", "/{index}/_forcemerge"}) {
    add({post}, pattern,
        "ignore_unavailable allow_no_indices expand_wildcards max_num_segments only_expunge_deletes flush "
        "wait_for_completion",
        refresh);
  }
  for (const char* pattern : {"/_alias", "/_alias/{name}", "/{index}/_alias", "/{index}/_alias/{name}"}) {
    add({get}, pattern, read, get_alias);
  }
  for (const char* pattern : {"/_alias/{name}", "/{index}/_alias/{name}"})
    add({head}, pattern, read, get_alias);
  for (const char* pattern : {"/{index}/_alias/{name}", "/{index}/_aliases/{name}"}) {
    add({put, post}, pattern, "timeout master_timeout", put_alias);
    add({delete_}, pattern, "timeout master_timeout", delete_alias);
  }
  add({post}, "/_aliases", "timeout master_timeout", change_aliases);
}

}  // namespace sightline::elastic
