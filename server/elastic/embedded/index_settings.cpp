// The settings of an index.
#include <algorithm>
#include <chrono>
#include <limits>

#include "base/json/builder.h"
#include "base/json/utf8.h"
#include "base/number_text.h"
#include "server/elastic/embedded/stored_index.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

constexpr int k_max_shards = 1024;
constexpr std::size_t k_longest_name_bytes = 512;
/// Represents a JSON null in parsed settings: "back to the default".
const std::string k_null(1, '\0');

enum class Kind { whole_number, flag, replicas, text };

struct Setting {
  std::string_view name;  // without "index."; a name that ends in '*' matches all below
  Kind kind;
  bool dynamic;  // can change after creation
  int least = 0;
  std::string_view why = {};  // why it has no effect; empty: it has one
};

constexpr std::string_view k_no_effect = "kept and shown; nothing here depends on it";

/// Settings that are stored. Settings without an effect here are stored too, because many scripts set them.
constexpr Setting k_settings[] = {
    {"number_of_shards", Kind::whole_number, false, 1},
    {"number_of_replicas", Kind::whole_number, true},
    {"auto_expand_replicas", Kind::replicas, true},
    {"hidden", Kind::flag, true},
    {"default_pipeline", Kind::text, true},
    {"final_pipeline", Kind::text, true},
    {"max_result_window", Kind::whole_number, true, 1},
    {"max_terms_count", Kind::whole_number, true, 1},
    {"mapping.exclude_source_vectors", Kind::flag, false},
    {"mapping.total_fields.limit", Kind::whole_number, true},
    {"mapping.depth.limit", Kind::whole_number, true, 1},
    {"mapping.field_name_length.limit", Kind::whole_number, true, 1},
    {"refresh_interval", Kind::text, true, 0, "searches see documents within a second whatever it says"},
    {"codec", Kind::text, false, 0, k_no_effect},
    {"priority", Kind::whole_number, true, 0, k_no_effect},
    {"routing.*", Kind::text, true, 0, k_no_effect},
    {"translog.*", Kind::text, true, 0, k_no_effect},
    {"merge.*", Kind::text, true, 0, k_no_effect},
};

/// Lists all settings, for docs and tests.
class SettingTable : public rest::MemberTableBase {
 public:
  SettingTable() : MemberTableBase("index settings", "settings", rest::k_argument_error) {
    using namespace rest;
    for (const Setting& setting : k_settings) {
      const Kinds kinds = setting.kind == Kind::whole_number ? k_numbers
                          : setting.kind == Kind::flag       ? k_flags
                                                             : k_scalars;
      add({setting.name, kinds | rest::k_null, setting.why.empty() ? Treatment::done : Treatment::no_effect,
           setting.why});
    }
  }
};
const SettingTable k_table;

const Setting* find_setting(std::string_view full_name) {
  const std::string_view name = full_name.substr(full_name.starts_with("index.") ? 6 : 0);
  for (const Setting& setting : k_settings) {
    if (rest::wildcard_match(setting.name, name)) return &setting;
  }
  return nullptr;
}

/// `0-1`, `1-all` or `false`, of auto_expand_replicas.
bool is_replicas(std::string_view value) {
  if (value == "false") return true;
  const std::size_t dash = std::min(value.find('-'), value.size());
  const std::string_view most_text = value.substr(std::min(dash + 1, value.size()));
  const auto least = number_from<int>(value.substr(0, dash));
  const auto most = most_text == "all" ? std::numeric_limits<int>::max() : number_from<int>(most_text);
  return least && most && *least <= *most;
}

/// auto_expand_replicas gives as many replicas as there are other nodes, within its bounds: with one node the lower
/// bound.
void expand_replicas(IndexSettings& settings) {
  const auto bounds = settings.find("index.auto_expand_replicas");
  if (bounds == settings.end() || bounds->second == "false") return;
  settings["index.number_of_replicas"] = bounds->second.substr(0, bounds->second.find('-'));
}

/// The largest value that a client may set, given what the server can handle.
std::int64_t greatest(const Setting& setting, const Limits& limits) {
  if (setting.name == "number_of_shards") return k_max_shards;
  if (setting.name == "mapping.total_fields.limit") return static_cast<std::int64_t>(limits.max_fields);
  if (setting.name == "mapping.depth.limit") return static_cast<std::int64_t>(k_deepest_mapping);
  return std::numeric_limits<int>::max();
}

void check_value(const std::string& name, const std::string& value, const Limits& limits) {
  const bool is_name = name.size() <= k_longest_name_bytes && !json::find_invalid_utf8(name);
  const Setting* setting = is_name ? find_setting(name) : nullptr;
  if (setting == nullptr) {
    refuse(illegal_argument("unknown setting [" + shortened(name) + "], or one that " +
                            std::string(rest::k_store_name) + " does not support"));
  }
  if (value == k_null) return;
  const auto check = [&](bool fits, const std::string& expected) {
    if (!fits)
      refuse(illegal_argument("setting [" + name + "] must be " + expected + ", found [" + shortened(value) + "]"));
  };
  if (setting->kind == Kind::whole_number) {
    const auto number = number_from<int>(value);
    const std::int64_t most = greatest(*setting, limits);
    check(number && *number >= setting->least && *number <= most,
          "a number from " + std::to_string(setting->least) + " to " + std::to_string(most) +
              (setting->name == "mapping.total_fields.limit" ? " (--elasticsearch-max-fields)" : ""));
  }
  if (setting->kind == Kind::flag) check(value == "true" || value == "false", "true or false");
  if (setting->kind == Kind::replicas) check(is_replicas(value), "false or a range such as 0-1 or 0-all");
}

void flatten(IndexSettings& settings, const std::string& name, const JsonView& value) {
  if (value.is_object()) {
    value.each_member([&](const JsonView& key, const JsonView& part) {
      flatten(settings, (name.empty() ? "" : name + ".") + std::string(key.text()), part);
    });
    return;
  }
  const std::string full_name = name.starts_with("index.") ? name : "index." + name;
  settings[full_name] = value.is_null() ? k_null : read_text(value, name);
}

/// A setting that was checked to be a number when it was set.
template <class Number>
Number number_of(const IndexSettings& settings, const char* name, Number otherwise) {
  const auto found = settings.find(name);
  return found == settings.end() ? otherwise : number_from<Number>(found->second).value_or(otherwise);
}

/// Writes the settings under `prefix`, starting at `at`, as nested objects.
void write_nested(json::Builder& out, IndexSettings::const_iterator& at, IndexSettings::const_iterator end,
                  const std::string& prefix) {
  while (at != end && at->first.starts_with(prefix)) {
    const std::string rest = at->first.substr(prefix.size());
    const std::size_t dot = rest.find('.');
    if (dot == std::string::npos) {
      out.member(rest, at->second);
      ++at;
      continue;
    }
    out.object(rest.substr(0, dot));
    write_nested(out, at, end, prefix + rest.substr(0, dot + 1));
    out.end();
  }
}

}  // namespace

IndexSettings parse_settings(const JsonView& body, const Limits& limits) {
  if (!body.is_object()) refuse({400, "parse_exception", "key [settings] must be an object"});
  IndexSettings settings;
  flatten(settings, "", body);
  for (const auto& [name, value] : settings) check_value(name, value, limits);
  return settings;
}

IndexSettings updated_settings(const IndexSettings& settings, const IndexSettings& changes, const std::string& index) {
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
  if (!fixed.empty())
    refuse(illegal_argument("Can't update non dynamic settings [" + fixed + "] of index [" + index + "]"));
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
  given["index.creation_date"] = std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  given["index.uuid"] = uuid;
  given["index.version.created"] = "9039001";
  return given;
}

std::string settings_json(const IndexSettings& settings) {
  json::Builder out;
  auto at = settings.cbegin();
  write_nested(out.object(), at, settings.cend(), "");
  return out.text();
}

std::string flat_settings_json(const IndexSettings& settings) {
  json::Builder out;
  out.object();
  for (const auto& [name, value] : settings) out.member(name, value);
  return out.text();
}

MappingLimits mapping_limits_of(const IndexSettings& settings) {
  MappingLimits limits;
  limits.total_fields = number_of(settings, "index.mapping.total_fields.limit", limits.total_fields);
  limits.depth = number_of(settings, "index.mapping.depth.limit", limits.depth);
  limits.field_name_length = number_of(settings, "index.mapping.field_name_length.limit", limits.field_name_length);
  return limits;
}

int replicas_of(const IndexSettings& settings) {
  return number_of(settings, "index.number_of_replicas", 1);
}

std::int64_t shards_of(const IndexSettings& settings) {
  return number_of<std::int64_t>(settings, "index.number_of_shards", 1) * (1 + replicas_of(settings));
}

bool is_hidden(const IndexSettings& settings) {
  const auto found = settings.find("index.hidden");
  return found != settings.end() && found->second == "true";
}

}  // namespace sightline::elastic
