// Indices over REST.
#include <algorithm>
#include <iterator>
#include <set>

#include "base/cancellation.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using namespace rest;  // NOLINT: the tables below are made of its words

constexpr std::string_view k_parse_error = "parse_exception";

/// The body, which is required. A definition takes several times its size in memory while it is read.
const std::string& definition_body(const Request& request, const StoreCore& store) {
  if (request.body.empty()) refuse({400, "parse_exception", "request body is required"});
  if (request.body.size() > store.limits().max_definition_bytes)
    refuse(definition_too_large(request.body.size(), store.limits()));
  return request.body;
}

/// The indices that the path names.
std::vector<IndexPtr> named_indices(const StoreCore& store, const IndicesParameters& parameters,
                                    const PathParameters& path) {
  return store.find_all(path.get("index"), parameters.indices);
}

/// `{"a":{..},"b":{..}}`, one member per index.
template <class Write>
Response answer_by_index(const StoreCore& store, const std::vector<IndexPtr>& indices, const Write& write) {
  std::string members;
  for (const IndexPtr& index : indices) {
    json::Builder one;
    write(one.object(index->name()), *index);
    members += (members.empty() ? "" : ",") + one.text();
    check_answer_size(members, store.limits());
  }
  return json_answer("{" + members + "}");
}

// The members of the body of an index creation

struct CreationReading {
  const Limits& limits;
  IndexCreation creation = {};
};

void read_settings(const JsonView&, const JsonView& value, CreationReading& reading) {
  reading.creation.settings = parse_settings(value, reading.limits);
}

void read_mappings(const JsonView&, const JsonView& value, CreationReading& reading) {
  reading.creation.mapping = Mapping::parse(value);
}

void read_aliases(const JsonView&, const JsonView& value, CreationReading& reading) {
  reading.creation.aliases = parse_aliases(value);
}

const MemberTable<CreationReading> k_creation{"index creation body",
                                              "create index",
                                              k_parse_error,
                                              {{"settings", k_object, read_settings},
                                               {"mappings", k_object, read_mappings},
                                               {"aliases", k_object, read_aliases}}};

Response create_index(StoreCore& store, const Request& request, const PathParameters& path, const NoParameters&) {
  const std::string& name = path.get("index");
  CreationReading reading{store.limits()};
  if (!request.body.empty())
    read_object(definition_body(request, store), k_parse_error,
                [&](const JsonView& body) { k_creation.read(body, reading); });
  store.create_index(name, std::move(reading.creation));
  json::Builder out;
  out.object().member("acknowledged", true).member("shards_acknowledged", true).member("index", name);
  return json_answer(out.text());
}

Response delete_index(StoreCore& store, const Request&, const PathParameters& path,
                      const IndicesParameters& parameters) {
  const auto parts = split_expression(path.get("index"));
  for (const std::string& part : parts) {
    if (is_wildcard(part)) refuse(illegal_argument("Wildcard expressions or all indices are not allowed"));
  }
  std::vector<IndexPtr> indices = named_indices(store, parameters, path);
  // An alias cannot be deleted here, only an index.
  const bool any_alias = std::erase_if(indices, [&](const IndexPtr& index) {
    return std::find(parts.begin(), parts.end(), index->name()) == parts.end();
  });
  if (any_alias && !parameters.indices.ignore_unavailable)
    refuse(illegal_argument("[" + path.get("index") + "] matches an alias, name its indices instead"));
  store.delete_indices(indices);
  return acknowledged();
}

/// The definition of an index, or a part of it.
template <bool WithAliases, bool WithMappings, bool WithSettings>
Response show(StoreCore& store, const Request&, const PathParameters& path, const IndicesParameters& parameters) {
  const auto write = [](json::Builder& out, const StoredIndex& index) {
    if (WithAliases) out.member("aliases", json::Raw{aliases_json(index.aliases())});
    if (WithMappings) out.member("mappings", json::Raw{index.mapping()->to_json()});
    if (WithSettings) out.member("settings", json::Raw{settings_json(index.settings())});
  };
  return answer_by_index(store, named_indices(store, parameters, path), write);
}

Response exists(StoreCore& store, const Request&, const PathParameters& path, const IndicesParameters& parameters) {
  return json_answer("", named_indices(store, parameters, path).empty() ? 404 : 200);
}

Response put_mapping(StoreCore& store, const Request& request, const PathParameters& path,
                     const IndicesParameters& parameters) {
  const Mapping mapping = accepted(Mapping::parse_text(definition_body(request, store)));
  store.merge_mapping(named_indices(store, parameters, path), mapping);
  return acknowledged();
}

Response put_settings(StoreCore& store, const Request& request, const PathParameters& path,
                      const IndicesParameters& parameters) {
  IndexSettings changes;
  read_object(definition_body(request, store), k_parse_error, [&](const JsonView& body) {
    const auto inner = body.size() == 1 ? body.member("settings") : std::nullopt;
    changes = parse_settings(inner.value_or(body), store.limits());
  });
  store.change_settings(named_indices(store, parameters, path), changes);
  return acknowledged();
}

Response refresh(StoreCore& store, const Request&, const PathParameters& path, const IndicesParameters& parameters) {
  const std::vector<IndexPtr> indices = named_indices(store, parameters, path);
  store.refresh(indices);
  int total = 0;
  for (const IndexPtr& index : indices) total += 1 + replicas_of(index->settings());
  json::Builder out;
  out.object().object("_shards").member("total", total).member("successful", indices.size()).member("failed", 0);
  return json_answer(out.text());
}

/// The aliases of an index that match a comma list with wildcards. An empty list: all.
Aliases chosen_aliases(const StoredIndex& index, const std::vector<std::string>& patterns) {
  Aliases all = index.aliases();
  std::erase_if(all, [&](const auto& alias) {
    check_cancelled();
    return std::none_of(patterns.begin(), patterns.end(),
                        [&](const std::string& pattern) { return part_fits(pattern, alias.first); });
  });
  return all;
}

/// The patterns of a path's `{name}`, limited in number because each is compared with many names.
std::vector<std::string> alias_patterns(const StoreCore& store, const PathParameters& path) {
  auto patterns = split_expression(path.get("name"));
  accepted(check_pattern_count("name", patterns.size(), store.limits().max_patterns));
  return patterns;
}

Response get_alias(StoreCore& store, const Request&, const PathParameters& path, const IndicesParameters& parameters) {
  std::vector<IndexPtr> indices = named_indices(store, parameters, path);
  const std::vector<std::string> patterns = alias_patterns(store, path);
  std::set<std::string> missing;
  if (!path.get("name").empty()) {
    std::copy_if(patterns.begin(), patterns.end(), std::inserter(missing, missing.end()),
                 [](const std::string& name) { return !is_wildcard(name); });
    std::erase_if(indices, [&](const IndexPtr& index) {
      const Aliases chosen = chosen_aliases(*index, patterns);
      for (const auto& [name, alias] : chosen) missing.erase(name);
      return chosen.empty();
    });
  }
  Response response = answer_by_index(store, indices, [&](json::Builder& out, const StoredIndex& index) {
    out.member("aliases", json::Raw{aliases_json(chosen_aliases(index, patterns))});
  });
  if (missing.empty()) return response;
  json::Builder out;
  out.object().member("error", "alias [" + *missing.begin() + "] missing").member("status", 404);
  out.list(std::string_view(response.body).substr(1, response.body.size() - 2));  // the aliases that were found follow
  return json_answer(out.text(), 404);
}

// The members of the body of POST /_aliases

/// The members of one action.
struct ActionReading {
  std::vector<std::string> aliases = {}, expressions = {};
  Alias alias = {};
};

template <std::vector<std::string> ActionReading::*List>
void read_names(const JsonView& key, const JsonView& value, ActionReading& reading) {
  if (!(reading.*List).empty()) {
    refuse(illegal_argument(List == &ActionReading::aliases ? "Only one of [alias] and [aliases] is supported"
                                                            : "Only one of [index] and [indices] is supported"));
  }
  value.each_or_self([&](const JsonView& item) { (reading.*List).push_back(read_filled_text(item, key.text())); });
}

const std::vector<Member<ActionReading>> k_action_rows{
    {"index", k_text, read_names<&ActionReading::expressions>},
    {"indices", k_text | k_array, read_names<&ActionReading::expressions>},
    {"alias", k_text, read_names<&ActionReading::aliases>},
    {"aliases", k_text | k_array, read_names<&ActionReading::aliases>}};

const MemberTable<ActionReading> k_add{
    "`_aliases` action `add`",
    "alias_action",
    k_argument_error,
    {k_action_rows,
     {{"is_write_index", k_flags, [](const JsonView& key, const JsonView& value, ActionReading& reading) {
         reading.alias.is_write_index = read_bool(value, key.text());
       }}}}};
const MemberTable<ActionReading> k_remove{
    "`_aliases` action `remove`", "alias_action", k_argument_error, {k_action_rows}};

struct AliasChanges {
  StoreCore& store;
  std::vector<AliasChange> changes = {};

  void add(const ActionReading& action, const std::optional<Alias>& alias) {
    if (action.aliases.empty() || action.expressions.empty())
      refuse_invalid("an alias action needs [alias] or [aliases], and [index] or [indices]");
    IndexPtr first;
    const std::size_t before = changes.size();
    std::string expression;
    for (const std::string& part : action.expressions) expression += (expression.empty() ? "" : ",") + part;
    const auto parts = split_expression(expression);
    for (const IndexPtr& index : store.find_all(expression, {})) {
      for (const std::string& part : parts) {
        if (index->has_alias(part))
          refuse(illegal_argument("[" + part + "] matches an alias, name its indices instead"));
      }
      if (!first) first = index;
      for (const std::string& name : alias ? action.aliases : matching(*index, action.aliases)) add(index, name, alias);
    }
    if (!alias && first && changes.size() == before) add(first, action.aliases.front(), alias);  // reports it missing
  }
  Response made() const {
    store.change_aliases(changes);
    return json_answer("{\"acknowledged\":true,\"errors\":false}");
  }

 private:
  static std::vector<std::string> matching(const StoredIndex& index, const std::vector<std::string>& patterns) {
    std::vector<std::string> names;
    for (const auto& [name, alias] : chosen_aliases(index, patterns)) names.push_back(name);
    return names;
  }
  void add(const IndexPtr& index, const std::string& name, const std::optional<Alias>& alias) {
    check_cancelled();
    check_limit("changed aliases", changes.size() + 1, store.limits().max_alias_changes,
                "--elasticsearch-max-alias-changes");
    changes.push_back({index, name, alias});
  }
};

const MemberTable<AliasChanges> k_action{
    "`_aliases` actions",
    "alias_action",
    k_argument_error,
    {{"add", k_object,
      [](const JsonView&, const JsonView& value, AliasChanges& changes) {
        ActionReading action;
        k_add.read(value, action);
        changes.add(action, action.alias);
      }},
     {"remove", k_object, [](const JsonView&, const JsonView& value, AliasChanges& changes) {
        ActionReading action;
        k_remove.read(value, action);
        changes.add(action, std::nullopt);
      }}}};

void read_actions(const JsonView&, const JsonView& value, AliasChanges& changes) {
  value.each_element([&](const JsonView& entry) {
    if (!entry.is_object() || entry.size() != 1)
      refuse(illegal_argument("an alias action must be an object like {\"add\":{\"index\":..,\"alias\":..}}"));
    k_action.read(entry, changes);
  });
}

const MemberTable<AliasChanges> k_aliases_body{
    "`_aliases` body", "aliases", k_argument_error, {{"actions", k_array, read_actions}}};

Response change_aliases(StoreCore& store, const Request& request, const PathParameters&, const NoParameters&) {
  AliasChanges changes{store};
  read_object(definition_body(request, store), k_parse_error,
              [&](const JsonView& body) { k_aliases_body.read(body, changes); });
  if (changes.changes.empty()) refuse(illegal_argument("No action specified"));
  return changes.made();
}

Response put_alias(StoreCore& store, const Request& request, const PathParameters& path, const NoParameters&) {
  ActionReading action{{path.get("name")}, {path.get("index")}};
  if (!request.body.empty()) {
    read_object(definition_body(request, store), k_parse_error,
                [&](const JsonView& body) { k_alias.read(body, action.alias); });
  }
  AliasChanges changes{store};
  changes.add(action, action.alias);
  return changes.made();
}

Response delete_alias(StoreCore& store, const Request&, const PathParameters& path, const NoParameters&) {
  AliasChanges changes{store};
  changes.add({alias_patterns(store, path), {path.get("index")}}, std::nullopt);
  return changes.made();
}

// The tables of parameters

const ParameterTable<NoParameters> k_timeout_parameters{{timeout_rows<NoParameters>(true)}};
const ParameterTable<IndicesParameters> k_change_parameters{
    {indices_rows<IndicesParameters>(), timeout_rows<IndicesParameters>(true)}};
const ParameterTable<IndicesParameters> k_look_parameters{
    {indices_rows<IndicesParameters>(), timeout_rows<IndicesParameters>(false)}};
const ParameterTable<IndicesParameters> k_refresh_parameters{{indices_rows<IndicesParameters>()}};

}  // namespace

void add_index_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add{router, store};
  add({put}, {"/{index}"}, k_timeout_parameters, create_index);
  add({delete_}, {"/{index}"}, k_change_parameters, delete_index);
  add({get}, {"/{index}"}, k_look_parameters, show<true, true, true>);
  add({head}, {"/{index}"}, k_look_parameters, exists);
  add({get}, {"/_mapping", "/{index}/_mapping"}, k_look_parameters, show<false, true, false>);
  add({put, post}, {"/{index}/_mapping"}, k_change_parameters, put_mapping);
  add({get}, {"/_settings", "/{index}/_settings"}, k_look_parameters, show<false, false, true>);
  add({put}, {"/{index}/_settings"}, k_change_parameters, put_settings);
  add({get, post}, {"/_refresh", "/{index}/_refresh"}, k_refresh_parameters, refresh);
  add({get, head}, {"/_alias", "/_alias/{name}", "/{index}/_alias", "/{index}/_alias/{name}"}, k_look_parameters,
      get_alias);
  add({put, post}, {"/{index}/_alias/{name}"}, k_timeout_parameters, put_alias);
  add({delete_}, {"/{index}/_alias/{name}"}, k_timeout_parameters, delete_alias);
  add({post}, {"/_aliases"}, k_timeout_parameters, change_aliases);
}

}  // namespace sightline::elastic
