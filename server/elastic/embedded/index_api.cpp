// Indices over REST.
#include <algorithm>
#include <set>

#include "base/cancellation.h"
#include "base/number_text.h"
#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/embedded/mapping_parser.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using namespace rest;  // NOLINT: the tables below are made of its words

struct ReadParameters : IndicesParameters {
  bool flat_settings = false, human = false;
};

const ElasticError& body_required() {
  static const ElasticError error{400, "parse_exception", "request body is required"};
  return error;
}

/// What many handlers begin with: the indices that the path names.
Answer<std::vector<IndexPtr>> named_indices(const StoreCore& store, const IndicesParameters& parameters,
                                            const PathParameters& path) {
  return store.find_all(path.get("index"), parameters.indices);
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

// The members of the body of an index creation

struct CreationReading {
  const Limits& limits;
  IndexCreation creation = {};
};

/// The value as a DOM, which mappings and settings are read from.
rapidjson::Document document_of(const JsonView& value) {
  auto document = parse_json(value.raw());
  if (!document) refuse(document.error());
  return *std::move(document);
}

void read_settings(const JsonView&, const JsonView& value, CreationReading& reading) {
  auto settings = parse_settings(document_of(value), reading.limits);
  if (!settings) refuse(settings.error());
  reading.creation.settings = *std::move(settings);
}

void read_mappings(const JsonView&, const JsonView& value, CreationReading& reading) {
  auto mapping = Mapping::parse(document_of(value));
  if (!mapping) refuse(mapping_parse_error(std::move(mapping).error()));
  reading.creation.mapping = *std::move(mapping);
}

void read_aliases(const JsonView&, const JsonView& value, CreationReading& reading) {
  auto aliases = parse_aliases(value);
  if (!aliases) refuse(aliases.error());
  reading.creation.aliases = *std::move(aliases);
}

ElasticError unknown_of_creation(const MemberTableBase&, const JsonView& key, const JsonView&) {
  return {400, "parse_exception", "unknown key [" + std::string(key.text()) + "] for create index"};
}

ElasticError wrong_kind_of_creation(const MemberTableBase&, const JsonView& key, const JsonView&) {
  return {400, "parse_exception", "key [" + std::string(key.text()) + "] must be an object"};
}

const Dialect k_creation_dialect{unknown_of_creation, wrong_kind_of_creation};
const MemberTable<CreationReading> k_creation{"index creation body", "create index", k_creation_dialect,
                                              {{"settings", k_object, read_settings},
                                               {"mappings", k_object, read_mappings},
                                               {"aliases", k_object, read_aliases}}};

Answer<IndexCreation> read_creation(const Request& request, const StoreCore& store) {
  const std::string& body = request.body;
  CreationReading reading{store.limits()};
  if (body.empty()) return std::move(reading.creation);
  if (auto refusal = check_definition_body(request, store)) return *std::move(refusal);
  const auto tape = JsonTape::parse(body);
  if (!tape) return tape.error();
  const JsonView root(*tape, 0);
  if (!root.is_object())
    return ElasticError{400, "parse_exception", "the body of an index creation must be an object"};
  try {
    k_creation.read(root, reading);
  } catch (Refused& refused) {
    return std::move(refused.error);
  }
  return std::move(reading.creation);
}

Response create_index(StoreCore& store, const Request& request, const PathParameters& path,
                      const NoParameters&) {
  const std::string& name = path.get("index");
  auto creation = read_creation(request, store);
  if (!creation) return creation.error().response();
  const auto index = store.create_index(name, *std::move(creation));
  if (!index) return index.error().response();
  std::string out = "{\"acknowledged\":true,\"shards_acknowledged\":true,\"index\":";
  rest::append_json_string(out, name);
  return json_answer(out + "}");
}

Response delete_index(StoreCore& store, const Request&, const PathParameters& path,
                      const IndicesParameters& parameters) {
  const auto parts = split_expression(path.get("index"));
  for (const std::string& part : parts) {
    if (is_wildcard(part))
      return illegal_argument("Wildcard expressions or all indices are not allowed").response();
  }
  auto indices = store.find_all(path.get("index"), parameters.indices);
  if (!indices) return indices.error().response();
  if (parameters.indices.ignore_unavailable) {  // an alias is none of the indices that could be deleted
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

/// With `human` dates and versions as people write them, too.
IndexSettings shown_settings(const LocalIndex& index, const ReadParameters& parameters) {
  IndexSettings settings = index.settings();
  if (!parameters.human) return settings;
  if (const auto created = number_from<std::int64_t>(settings["index.creation_date"]))
    settings["index.creation_date_string"] = format_date(*created, "strict_date_time");
  settings["index.version.created_string"] = "9.2.0";
  return settings;
}

Response get_index(StoreCore& store, const Request&, const PathParameters& path,
                   const ReadParameters& parameters) {
  const auto indices = named_indices(store, parameters, path);
  return answer_by_index(store, indices, [&](std::string& out, const LocalIndex& index) {
    out += "\"aliases\":" + aliases_json(index.aliases()) + ",\"mappings\":" + index.mapping()->to_json() +
           ",\"settings\":" + settings_json(shown_settings(index, parameters), parameters.flat_settings);
  });
}

Response exists(StoreCore& store, const Request&, const PathParameters& path,
                const IndicesParameters& parameters) {
  const auto indices = named_indices(store, parameters, path);
  if (!indices) return indices.error().response();
  return json_answer("", indices->empty() ? 404 : 200);
}

Response get_mapping(StoreCore& store, const Request&, const PathParameters& path,
                     const IndicesParameters& parameters) {
  const auto indices = named_indices(store, parameters, path);
  return answer_by_index(store, indices, [](std::string& out, const LocalIndex& index) {
    out += "\"mappings\":" + index.mapping()->to_json();
  });
}

Response put_mapping(StoreCore& store, const Request& request, const PathParameters& path,
                     const IndicesParameters& parameters) {
  if (request.body.empty()) return body_required().response();
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  const auto body = rest::parse_json(request.body);
  if (!body) return body.error().response();
  const auto mapping = Mapping::parse(*body);
  if (!mapping) return mapping_parse_error(mapping.error()).response();
  const auto indices = named_indices(store, parameters, path);
  if (!indices) return indices.error().response();
  if (auto refusal = store.merge_mapping(*indices, *mapping)) return refusal->response();
  return acknowledged();
}

Response get_settings(StoreCore& store, const Request&, const PathParameters& path,
                      const ReadParameters& parameters) {
  const std::string pattern = path.get("name").empty() || path.get("name") == "_all" ? "*" : path.get("name");
  if (auto refusal = check_names(store, "name", pattern)) return refusal->response();
  const auto indices = named_indices(store, parameters, path);
  return answer_by_index(store, indices, [&](std::string& out, const LocalIndex& index) {
    out += "\"settings\":" + settings_json(shown_settings(index, parameters), parameters.flat_settings, pattern);
  });
}

Response put_settings(StoreCore& store, const Request& request, const PathParameters& path,
                      const IndicesParameters& parameters) {
  if (request.body.empty()) return body_required().response();
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  const auto body = rest::parse_json(request.body);
  if (!body) return body.error().response();
  const bool wrapped = body->IsObject() && body->MemberCount() == 1 && body->HasMember("settings");
  const auto changes = parse_settings(wrapped ? (*body)["settings"] : *body, store.limits());
  if (!changes) return changes.error().response();
  const auto indices = named_indices(store, parameters, path);
  if (!indices) return indices.error().response();
  if (auto refusal = store.change_settings(*indices, *changes)) return refusal->response();
  return acknowledged();
}

Response refresh(StoreCore& store, const Request&, const PathParameters& path,
                 const IndicesParameters& parameters) {
  const auto indices = named_indices(store, parameters, path);
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

Response get_alias(StoreCore& store, const Request&, const PathParameters& path,
                   const IndicesParameters& parameters) {
  auto indices = named_indices(store, parameters, path);
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

Response put_alias(StoreCore& store, const Request& request, const PathParameters& path,
                   const NoParameters&) {
  Alias alias;
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  if (!request.body.empty()) {
    const auto tape = JsonTape::parse(request.body);
    if (!tape) return tape.error().response();
    const auto parsed = parse_alias(JsonView(*tape, 0), path.get("name"));
    if (!parsed) return parsed.error().response();
    alias = *parsed;
  }
  const auto indices = named_indices(store, {}, path);
  if (!indices) return indices.error().response();
  std::vector<AliasChange> changes;
  for (const IndexPtr& index : *indices) changes.push_back({index, path.get("name"), alias});
  if (auto refusal = store.change_aliases(changes)) return refusal->response();
  return json_answer("{\"acknowledged\":true,\"errors\":false}");
}

Response delete_alias(StoreCore& store, const Request&, const PathParameters& path,
                      const NoParameters&) {
  if (auto refusal = check_names(store, "name", path.get("name"))) return refusal->response();
  const auto indices = named_indices(store, {}, path);
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

// The members of the body of POST /_aliases

/// What one action is read into.
struct ActionReading {
  std::vector<std::string> aliases = {}, expressions = {};
  Alias alias = {};
};

template <std::vector<std::string> ActionReading::* List>
void read_names(const JsonView& key, const JsonView& value, ActionReading& reading) {
  value.each_or_self([&](const JsonView& item) {
    if (!item.is_string())
      refuse(content_exception(item, "[alias_action] " + std::string(key.text()) + " must hold names"));
    (reading.*List).emplace_back(item.text());
  });
}

std::vector<Member<ActionReading>> action_rows() {
  return {{"index", k_text, read_names<&ActionReading::expressions>},
          {"indices", k_text | k_array, read_names<&ActionReading::expressions>},
          {"alias", k_text, read_names<&ActionReading::aliases>},
          {"aliases", k_text | k_array, read_names<&ActionReading::aliases>}};
}

const MemberTable<ActionReading> k_add{
    "`_aliases` action `add`", "alias_action", k_object_dialect,
    {action_rows(),
     {{"is_write_index", k_flags,
       [](const JsonView& key, const JsonView& value, ActionReading& reading) {
         reading.alias.is_write_index = read_bool(value, key.text());
       }},
      only_some("is_hidden", k_flags, only_false, "`false`"),
      refused("must_exist", k_flags),
      refused("filter", k_object),
      refused("routing", k_scalars, k_no_routing),
      refused("index_routing", k_scalars, k_no_routing),
      refused("search_routing", k_scalars, k_no_routing)}}};
const MemberTable<ActionReading> k_remove{
    "`_aliases` action `remove`", "alias_action", k_object_dialect,
    {action_rows(), {only_some("must_exist", k_flags, only_true, "`true`")}}};

struct AliasChanges {
  const StoreCore& store;
  std::vector<AliasChange> changes = {};

  void add(const ActionReading& action, const std::optional<Alias>& alias) {
    if (action.aliases.empty())
      refuse({400, "action_request_validation_exception",
              "Validation Failed: 1: One of [alias] or [aliases] is required;"});
    if (action.expressions.empty())
      refuse({400, "action_request_validation_exception",
              "Validation Failed: 1: One of [index] or [indices] is required;"});
    const std::size_t most = store.limits().max_alias_changes;
    for (const std::string& expression : action.expressions) {
      const auto indices = store.find_all(expression, {});
      if (!indices) refuse(indices.error());
      for (const IndexPtr& index : *indices) {
        for (const std::string& name : action.aliases) {
          check_cancelled();
          if (changes.size() == most) {
            refuse(illegal_argument("a request may change [" + std::to_string(most) +
                                    "] aliases; send fewer, or raise --elasticsearch-max-alias-changes"));
          }
          changes.push_back({index, name, alias});
        }
      }
    }
  }
};

const MemberTable<AliasChanges> k_action{
    "`_aliases` actions", "alias_action", k_object_dialect,
    {{"add", k_object,
      [](const JsonView&, const JsonView& value, AliasChanges& changes) {
        ActionReading action;
        k_add.read(value, action);
        changes.add(action, action.alias);
      }},
     {"remove", k_object,
      [](const JsonView&, const JsonView& value, AliasChanges& changes) {
        ActionReading action;
        k_remove.read(value, action);
        changes.add(action, std::nullopt);
      }},
     refused("remove_index", k_object)}};

void read_actions(const JsonView&, const JsonView& value, AliasChanges& changes) {
  value.each_element([&](const JsonView& entry) {
    if (!entry.is_object() || entry.size() != 1) {
      refuse(illegal_argument("an alias action must be an object like "
                              "{\"add\":{\"index\":..,\"alias\":..}}"));
    }
    entry.each_member([&](const JsonView& key, const JsonView& action) {
      // The error of an action is the request's, not that of a field.
      try {
        k_action.read_member(key, action, changes);
      } catch (Refused& refused) {
        if (refused.error.causes.empty()) throw;
        refuse(std::move(refused.error.causes.front()));
      }
    });
  });
}

const Dialect k_aliases_dialect{k_object_dialect.unknown, k_object_dialect.wrong_kind};
const MemberTable<AliasChanges> k_aliases_body{
    "`_aliases` body", "aliases", k_aliases_dialect, {{"actions", k_array, read_actions}}};

Response change_aliases(StoreCore& store, const Request& request, const PathParameters&,
                        const NoParameters&) {
  if (request.body.empty()) return body_required().response();
  if (auto refusal = check_definition_body(request, store)) return refusal->response();
  const auto tape = JsonTape::parse(request.body);
  if (!tape) return tape.error().response();
  AliasChanges changes{store};
  try {
    const JsonView root(*tape, 0);
    if (root.is_object()) k_aliases_body.read(root, changes);
    if (!root.is_object() || !root.member("actions")) refuse(illegal_argument("No action specified"));
  } catch (const Refused& refused) {
    return refused.error.response();
  }
  if (auto refusal = store.change_aliases(changes.changes)) return refusal->response();
  return json_answer("{\"acknowledged\":true,\"errors\":false}");
}

// The tables of parameters

using parameter::check_flag;
using parameter::check_integer;

template <class Target>
std::vector<Parameter<Target>> human_rows() {
  return {{"flat_settings", "flag", parameter::into<&ReadParameters::flat_settings, parameter::flag>},
          {"human", "flag", parameter::into<&ReadParameters::human, parameter::flag>},
          parameter::only_some("include_defaults", "flag", parameter::only_false, "`false`"),
          parameter::refused("features", "list")};
}

constexpr std::string_view k_on_disk = "what is acknowledged is on disk", k_one_segment = "there are no segments";

const ParameterTable<NoParameters> k_create_parameters{
    {timeout_rows<NoParameters>(true), active_shards_rows<NoParameters>()}};
const ParameterTable<NoParameters> k_alias_change_parameters{{timeout_rows<NoParameters>(true)}};
const ParameterTable<IndicesParameters> k_delete_parameters{
    {indices_rows<IndicesParameters>(), timeout_rows<IndicesParameters>(true)}};
const ParameterTable<ReadParameters> k_read_parameters{{indices_rows<ReadParameters>(),
                                                        timeout_rows<ReadParameters>(false),
                                                        local_rows<ReadParameters>(),
                                                        human_rows<ReadParameters>()}};
const ParameterTable<IndicesParameters> k_look_parameters{{indices_rows<IndicesParameters>(),
                                                           timeout_rows<IndicesParameters>(false),
                                                           local_rows<IndicesParameters>()}};
const ParameterTable<IndicesParameters> k_exists_parameters{
    {indices_rows<IndicesParameters>(),
     timeout_rows<IndicesParameters>(false),
     local_rows<IndicesParameters>(),
     {parameter::no_effect("flat_settings", "flag", check_flag, "the answer has no body"),
      parameter::no_effect("include_defaults", "flag", check_flag, "the answer has no body")}}};
const ParameterTable<IndicesParameters> k_mapping_parameters{
    {indices_rows<IndicesParameters>(),
     timeout_rows<IndicesParameters>(true),
     {parameter::only_some("write_index_only", "flag", parameter::only_false, "`false`")}}};
const ParameterTable<IndicesParameters> k_settings_parameters{
    {indices_rows<IndicesParameters>(),
     timeout_rows<IndicesParameters>(true),
     {parameter::no_effect("flat_settings", "flag", check_flag, "the answer shows no settings"),
      parameter::only_some("preserve_existing", "flag", parameter::only_false, "`false`"),
      parameter::only_some("reopen", "flag", parameter::only_false, "`false`")}}};
const ParameterTable<IndicesParameters> k_refresh_parameters{{indices_rows<IndicesParameters>()}};
const ParameterTable<IndicesParameters> k_flush_parameters{
    {indices_rows<IndicesParameters>(),
     {parameter::no_effect("force", "flag", check_flag, k_on_disk),
      parameter::no_effect("wait_if_ongoing", "flag", check_flag, k_on_disk)}}};
const ParameterTable<IndicesParameters> k_merge_parameters{
    {indices_rows<IndicesParameters>(),
     {parameter::no_effect("max_num_segments", "number", check_integer, k_one_segment),
      parameter::no_effect("only_expunge_deletes", "flag", check_flag, k_one_segment),
      parameter::no_effect("flush", "flag", check_flag, k_on_disk),
      parameter::only_some("wait_for_completion", "flag", parameter::only_true, "`true`")}}};

}  // namespace

void add_index_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add(router, store);
  add({put}, "/{index}", k_create_parameters, create_index);
  add({delete_}, "/{index}", k_delete_parameters, delete_index);
  add({get}, "/{index}", k_read_parameters, get_index);
  add({head}, "/{index}", k_exists_parameters, exists);
  for (const char* pattern : {"/_mapping", "/_mappings", "/{index}/_mapping", "/{index}/_mappings"})
    add({get}, pattern, k_look_parameters, get_mapping);
  for (const char* pattern : {"/{index}/_mapping", "/{index}/_mappings"})
    add({put, post}, pattern, k_mapping_parameters, put_mapping);
  for (const char* pattern :
       {"/_settings", "/_settings/{name}", "/{index}/_settings", "/{index}/_settings/{name}"}) {
    add({get}, pattern, k_read_parameters, get_settings);
  }
  for (const char* pattern : {"/_settings", "/{index}/_settings"})
    add({put}, pattern, k_settings_parameters, put_settings);
  for (const char* pattern : {"/_refresh", "/{index}/_refresh"})
    add({get, post}, pattern, k_refresh_parameters, refresh);
  for (const char* pattern : {"/_flush", "/{index}/_flush"})
    add({get, post}, pattern, k_flush_parameters, refresh);
  for (const char* pattern : {"/_forcemerge", "/{index}/_forcemerge"})
    add({post}, pattern, k_merge_parameters, refresh);
  for (const char* pattern : {"/_alias", "/_alias/{name}", "/{index}/_alias", "/{index}/_alias/{name}"})
    add({get}, pattern, k_look_parameters, get_alias);
  for (const char* pattern : {"/_alias/{name}", "/{index}/_alias/{name}"})
    add({head}, pattern, k_look_parameters, get_alias);
  for (const char* pattern : {"/{index}/_alias/{name}", "/{index}/_aliases/{name}"}) {
    add({put, post}, pattern, k_alias_change_parameters, put_alias);
    add({delete_}, pattern, k_alias_change_parameters, delete_alias);
  }
  add({post}, "/_aliases", k_alias_change_parameters, change_aliases);
}

}  // namespace sightline::elastic
