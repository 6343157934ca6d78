#include "server/elastic/embedded/index_settings.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <vector>

#include "base/number_text.h"
#include "base/split.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/embedded/mapping_parser.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

constexpr int k_max_shards = 1024;
constexpr std::size_t k_longest_name_bytes = 512;
/// Stands for a JSON null in parsed settings: "back to the default".
const std::string k_null(1, '\0');

enum class Kind { whole_number, flag, time, replicas, words, text };

struct Setting {
  std::string_view name;  // without "index."; a name that ends in '*' takes all below
  Kind kind;
  bool dynamic;  // may change after creation
  int least = 0;
  std::string_view why = {};    // nothing need be done for it; empty: it is done
  std::string_view words = {};  // of Kind::words, separated by blanks
};

constexpr std::string_view k_speed = "it is about speed", k_no_such = "what it is for is refused",
                           k_seen_soon = "searches see documents within a second whatever it says",
                           k_no_log = "there is no such log", k_one_place = "there is one node";

/// Settings that are kept. Those that change nothing here are kept all the same: many scripts set them.
constexpr Setting k_settings[] = {
    {"number_of_shards", Kind::whole_number, false, 1},
    {"number_of_replicas", Kind::whole_number, true},
    {"number_of_routing_shards", Kind::whole_number, false, 1, k_one_place},
    {"auto_expand_replicas", Kind::replicas, true},
    {"refresh_interval", Kind::time, true, 0, k_seen_soon},
    {"hidden", Kind::flag, true},
    {"default_pipeline", Kind::text, true},
    {"final_pipeline", Kind::text, true},
    {"max_result_window", Kind::whole_number, true, 1},
    {"max_inner_result_window", Kind::whole_number, true, 1, k_no_such},
    {"max_rescore_window", Kind::whole_number, true, 1, k_no_such},
    {"max_docvalue_fields_search", Kind::whole_number, true, 0, k_no_such},
    {"max_ngram_diff", Kind::whole_number, true, 0, k_no_such},
    {"max_terms_count", Kind::whole_number, true, 1},
    {"mapping.exclude_source_vectors", Kind::flag, false},
    {"mapping.total_fields.limit", Kind::whole_number, true},
    {"mapping.depth.limit", Kind::whole_number, true, 1},
    {"mapping.nested_fields.limit", Kind::whole_number, true, 0, k_no_such},
    {"mapping.field_name_length.limit", Kind::whole_number, true, 1},
    {"codec", Kind::words, false, 0, k_speed, "default best_compression"},
    {"store.type", Kind::words, false, 0, k_speed, "fs niofs mmapfs hybridfs"},
    {"gc_deletes", Kind::time, true, 0, k_speed},
    {"priority", Kind::whole_number, true, 0, k_speed},
    {"highlight.max_analyzed_offset", Kind::whole_number, true, 1, k_no_such},
    {"search.idle.after", Kind::time, true, 0, k_speed},
    {"routing.allocation.enable", Kind::words, true, 0, k_one_place, "all primaries new_primaries none"},
    {"routing.rebalance.enable", Kind::words, true, 0, k_one_place, "all primaries replicas none"},
    {"routing.allocation.total_shards_per_node", Kind::whole_number, true, -1, k_one_place},
    {"routing.allocation.include.*", Kind::text, true, 0, k_one_place},
    {"routing.allocation.exclude.*", Kind::text, true, 0, k_one_place},
    {"routing.allocation.require.*", Kind::text, true, 0, k_one_place},
    {"translog.durability", Kind::words, true, 0, "what is acknowledged is on disk", "request async REQUEST ASYNC"},
    {"translog.sync_interval", Kind::time, true, 0, k_speed},
    {"translog.flush_threshold_size", Kind::text, true, 0, k_speed},
    {"search.slowlog.threshold.*", Kind::time, true, 0, k_no_log},
    {"search.slowlog.include.user", Kind::flag, true, 0, k_no_log},
    {"indexing.slowlog.threshold.*", Kind::time, true, 0, k_no_log},
    {"indexing.slowlog.include.user", Kind::flag, true, 0, k_no_log},
    {"indexing.slowlog.reformat", Kind::flag, true, 0, k_no_log},
    {"indexing.slowlog.source", Kind::text, true, 0, k_no_log},
    {"merge.policy.max_merge_at_once", Kind::whole_number, true, 2, k_speed},
    {"merge.policy.segments_per_tier", Kind::text, true, 0, k_speed},
    {"merge.policy.max_merged_segment", Kind::text, true, 0, k_speed},
    {"merge.policy.floor_segment", Kind::text, true, 0, k_speed},
    {"merge.policy.deletes_pct_allowed", Kind::text, true, 0, k_speed},
    {"merge.scheduler.max_thread_count", Kind::whole_number, true, 1, k_speed},
    {"merge.scheduler.max_merge_count", Kind::whole_number, true, 1, k_speed},
    {"merge.scheduler.auto_throttle", Kind::flag, true, 0, k_speed},
    {"unassigned.node_left.delayed_timeout", Kind::time, true, 0, k_one_place},
};

/// Real settings of Elasticsearch that would change answers in ways that this server has not.
constexpr std::string_view k_refused[] = {"analysis.*",
                                          "query.*",
                                          "similarity.*",
                                          "sort.*",
                                          "blocks.*",
                                          "mode",
                                          "lifecycle.*",
                                          "soft_deletes.*",
                                          "mapping.ignore_malformed",
                                          "mapping.total_fields.ignore_dynamic_beyond_limit",
                                          "mapping.coerce",
                                          "mapping.source.mode",
                                          "routing_path",
                                          "time_series.*"};

/// Lists them all, for docs and tests.
class SettingTable : public rest::MemberTableBase {
 public:
  SettingTable() : MemberTableBase("index settings", "settings", rest::k_object_dialect) {
    using namespace rest;
    for (const Setting& setting : k_settings) {
      const Kinds kinds = setting.kind == Kind::whole_number ? k_numbers
                          : setting.kind == Kind::flag       ? k_flags
                                                             : k_scalars;
      add({setting.name, kinds | rest::k_null, setting.why.empty() ? Treatment::done : Treatment::no_effect,
           setting.why});
    }
    for (const std::string_view name : k_refused) add({name, k_any, Treatment::refused, {}});
  }
};
const SettingTable k_table;

std::string_view without_prefix(std::string_view name) {
  return name.starts_with("index.") ? name.substr(6) : name;
}

const Setting* find_setting(std::string_view full_name) {
  const std::string_view name = without_prefix(full_name);
  for (const Setting& setting : k_settings) {
    if (rest::wildcard_match(setting.name, name)) return &setting;
  }
  return nullptr;
}

/// `0-1`, `1-all` or `false`, of auto_expand_replicas.
Refusal check_replicas(const std::string& name, const std::string& value) {
  if (value == "false") return std::nullopt;
  const std::size_t dash = value.find('-');
  const auto least = number_from<int>(std::string_view(value).substr(0, dash));
  const std::string most_text = dash == value.npos ? "" : value.substr(dash + 1);
  const auto most = most_text == "all" ? std::numeric_limits<int>::max() : number_from<int>(most_text);
  if (dash == value.npos || !least || !most) {
    return illegal_argument("failed to parse [" + name + "] from value: [" + value + "] at index " +
                            (dash == value.npos ? "-1" : std::to_string(dash)));
  }
  if (*least > *most) {
    return illegal_argument("[" + name + "] minReplicas must be =< maxReplicas but wasn't " +
                            std::to_string(*least) + " > " + std::to_string(*most));
  }
  return std::nullopt;
}

/// With auto_expand_replicas there are as many replicas as other nodes, within its bounds: here the least.
void expand_replicas(IndexSettings& settings) {
  const auto bounds = settings.find("index.auto_expand_replicas");
  if (bounds == settings.end() || bounds->second == "false") return;
  settings["index.number_of_replicas"] = bounds->second.substr(0, bounds->second.find('-'));
}

/// Settings that clients may raise no further than this server can bear.
Refusal check_ceiling(const Setting& setting, const std::string& name, const std::string& value,
                      std::int64_t number, const Limits& limits) {
  const bool fields = setting.name == "mapping.total_fields.limit";
  const bool depth = setting.name == "mapping.depth.limit";
  const std::int64_t most = setting.name == "number_of_shards" ? k_max_shards
                            : fields ? static_cast<std::int64_t>(limits.max_fields)
                            : depth  ? static_cast<std::int64_t>(k_deepest_mapping)
                                     : std::numeric_limits<std::int64_t>::max();
  if (number <= most) return std::nullopt;
  return illegal_argument("Failed to parse value [" + value + "] for setting [" + name + "] must be <= " +
                          std::to_string(most) +
                          (fields ? "; --elasticsearch-max-fields sets this limit" : ""));
}

Refusal check_value(const std::string& name, const std::string& value, const Limits& limits) {
  if (name.size() > k_longest_name_bytes) {
    return illegal_argument("the name of a setting has [" + std::to_string(name.size()) +
                            "] bytes, more than the [" + std::to_string(k_longest_name_bytes) +
                            "] that it may have");
  }
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    for (const std::string_view refused : k_refused) {
      if (rest::wildcard_match(refused, without_prefix(name))) {
        return rest::not_supported("setting [" + name + "]");
      }
    }
    return illegal_argument(
        "unknown setting [" + name +
        "] please check that any required plugins are installed, or check the breaking changes documentation "
        "for removed settings");
  }
  if (value == k_null) return std::nullopt;
  if (setting->kind == Kind::whole_number) {
    const auto number = number_from<int>(value);
    if (!number)
      return not_a_number("Failed to parse value [" + value + "] for setting [" + name + "]", value);
    if (*number < setting->least) {
      return illegal_argument("Failed to parse value [" + value + "] for setting [" + name +
                              "] must be >= " + std::to_string(setting->least));
    }
    if (auto refusal = check_ceiling(*setting, name, value, *number, limits)) return refusal;
  }
  if (setting->kind == Kind::flag && value != "true" && value != "false") {
    return illegal_argument("Failed to parse value [" + value + "] as only [true] or [false] are allowed.");
  }
  if (setting->kind == Kind::time && !rest::read_time(value)) {
    return illegal_argument("failed to parse setting [" + name + "] with value [" + value +
                            "] as a time value: unit is missing or unrecognized");
  }
  if (setting->kind == Kind::words) {
    const auto words = split(setting->words, ' ');
    if (std::find(words.begin(), words.end(), value) == words.end()) {
      return illegal_argument("unknown value for [" + name + "] must be one of [" +
                              std::string(setting->words) + "] but was: " + shortened(value));
    }
  }
  if (setting->kind == Kind::replicas) return check_replicas(name, value);
  return std::nullopt;
}

void flatten(IndexSettings& settings, const std::string& name, const rapidjson::Value& value) {
  if (value.IsObject()) {
    for (const auto& [key, part] : value.GetObject())
      flatten(settings, name.empty() ? shown(key) : name + "." + shown(key), part);
    return;
  }
  const std::string full_name = name.starts_with("index.") ? name : "index." + name;
  settings[full_name] = value.IsNull() ? k_null : shown(value);
}

/// Appends the settings from `at` on that lie under `prefix`, nested.
void append_nested(std::string& out, std::vector<std::pair<std::string, std::string>>::const_iterator& at,
                   std::vector<std::pair<std::string, std::string>>::const_iterator end,
                   const std::string& prefix) {
  out += '{';
  bool first = true;
  while (at != end && at->first.starts_with(prefix)) {
    const std::string rest = at->first.substr(prefix.size());
    const std::size_t dot = rest.find('.');
    if (!first) out += ',';
    first = false;
    rest::append_json_string(out, rest.substr(0, dot));
    out += ':';
    if (dot == std::string::npos) {
      rest::append_json_string(out, at->second);
      ++at;
    } else {
      append_nested(out, at, end, prefix + rest.substr(0, dot + 1));
    }
  }
  out += '}';
}

}  // namespace

Answer<IndexSettings> parse_settings(const rapidjson::Value& body, const Limits& limits) {
  if (!body.IsObject()) return ElasticError{400, "parse_exception", "key [settings] must be an object"};
  IndexSettings settings;
  flatten(settings, "", body);
  for (const auto& [name, value] : settings) {
    if (auto refusal = check_value(name, value, limits)) return *refusal;
  }
  return settings;
}

Answer<IndexSettings> updated_settings(const IndexSettings& settings, const IndexSettings& changes,
                                       const std::string& index, const std::string& uuid) {
  IndexSettings updated = settings;
  std::string fixed;
  for (const auto& [name, value] : changes) {
    const auto before = settings.find(name);
    const bool same = before != settings.end() && before->second == value;
    if (!find_setting(name)->dynamic && !same) fixed += (fixed.empty() ? "" : ", ") + name;
    if (value == k_null) {
      updated.erase(name);
      if (name == "index.number_of_replicas") updated[name] = "1";
    } else {
      updated[name] = value;
    }
  }
  if (!fixed.empty()) {
    return illegal_argument(
        "Can't update non dynamic settings [[" + fixed + "]] for open indices [[" + index + "/" + uuid +
        "]] unless the `reopen` query parameter is set to true. Alternatively, close the indices, apply the "
        "settings changes, and reopen the indices");
  }
  expand_replicas(updated);
  return updated;
}

IndexSettings creation_settings(IndexSettings given, const std::string& name, const std::string& uuid) {
  std::erase_if(given, [](const auto& entry) { return entry.second == k_null; });
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  given.try_emplace("index.routing.allocation.include._tier_preference", "data_content");
  given.try_emplace("index.number_of_shards", "1");
  given.try_emplace("index.number_of_replicas", "1");
  expand_replicas(given);
  given["index.provided_name"] = name;
  given["index.creation_date"] =
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  given["index.uuid"] = uuid;
  given["index.version.created"] = "9039001";
  return given;
}

std::string settings_json(const IndexSettings& settings, bool flat, std::string_view names) {
  const auto patterns = split_expression(names);
  std::vector<std::pair<std::string, std::string>> chosen;
  for (const auto& [name, value] : settings) {
    const bool fits = std::any_of(
        patterns.begin(), patterns.end(),
        [&name = name](const std::string& pattern) { return rest::wildcard_match(pattern, name); });
    if (fits) chosen.emplace_back(name, value);
  }
  std::string out;
  auto at = chosen.cbegin();
  if (!flat) {
    append_nested(out, at, chosen.cend(), "");
    return out;
  }
  for (const auto& [name, value] : chosen) {
    out += out.empty() ? "{" : ",";
    rest::append_json_string(out, name);
    out += ':';
    rest::append_json_string(out, value);
  }
  return out.empty() ? "{}" : out + "}";
}

MappingLimits mapping_limits_of(const IndexSettings& settings) {
  MappingLimits limits;
  const auto read = [&](const char* name, std::size_t& limit) {
    const auto found = settings.find(name);
    if (found != settings.end()) limit = number_from<std::size_t>(found->second).value_or(limit);
  };
  read("index.mapping.total_fields.limit", limits.total_fields);
  read("index.mapping.depth.limit", limits.depth);
  read("index.mapping.field_name_length.limit", limits.field_name_length);
  return limits;
}

int replicas_of(const IndexSettings& settings) {
  const auto found = settings.find("index.number_of_replicas");
  return found == settings.end() ? 1 : std::atoi(found->second.c_str());
}

std::int64_t shards_of(const IndexSettings& settings) {
  const auto found = settings.find("index.number_of_shards");
  const auto shards = found == settings.end() ? 1 : number_from<int>(found->second).value_or(1);
  return static_cast<std::int64_t>(shards) * (1 + replicas_of(settings));
}

bool is_hidden(const IndexSettings& settings) {
  const auto found = settings.find("index.hidden");
  return found != settings.end() && found->second == "true";
}

}  // namespace sightline::elastic
