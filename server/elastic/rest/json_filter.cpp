#include "server/elastic/rest/json_filter.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/cancellation.h"
#include "base/json/document.h"
#include "base/split.h"
#include "base/trimmed.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic::rest {
namespace {

using Kind = JsonToken::Kind;

/// `key`: the last part of `path`. It may have dots: a pattern then also names what it holds up to one of them.
bool any_match(const std::vector<std::string>& patterns, std::string_view path, std::string_view key) {
  const bool dotted = key.find('.') != std::string_view::npos;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& written) {
    const std::string_view pattern = trimmed(written, k_pattern_blanks);
    return wildcard_match(pattern, path) || (dotted && wildcard_match(std::string(pattern) + ".*", path));
  });
}

/// Appends what a filter leaves of a value, piece by piece; knows whether anything was left.
class SourceWriter {
 public:
  SourceWriter(const JsonTape& tape, const SourceFilter& filter)
      : tape_(tape), filter_(filter), hidden_(filter.hidden_vectors.begin(), filter.hidden_vectors.end()) {}

  /// Writes the object at `object`; false if no member was left.
  bool write_object(std::size_t object, bool included, const std::string& prefix) {
    out += '{';
    bool any = false;
    for (std::size_t key = object + 1; key < tape_[object].next; key = tape_[key + 1].next) {
      check_cancelled();
      const std::string path =
          prefix.empty() ? std::string(tape_[key].text) : prefix + "." + std::string(tape_[key].text);
      if (hidden_.contains(path) || any_match(filter_.excludes, path, tape_[key].text)) continue;
      const std::size_t rewind = out.size();
      if (any) out += ',';
      out += tape_.raw(key);
      out += ':';
      if (write_value(key + 1, included || any_match(filter_.includes, path, tape_[key].text), path)) {
        any = true;
      } else {
        out.resize(rewind);
      }
    }
    out += '}';
    return any;
  }

  std::string out = {};

 private:
  bool write_array(std::size_t array, bool included, const std::string& path) {
    out += '[';
    bool any = false;
    for (std::size_t element = array + 1; element < tape_[array].next; element = tape_[element].next) {
      const std::size_t rewind = out.size();
      if (any) out += ',';
      if (write_value(element, included, path)) {
        any = true;
      } else {
        out.resize(rewind);
      }
    }
    out += ']';
    return any;
  }

  bool write_value(std::size_t value, bool included, const std::string& path) {
    if (included && filter_.excludes.empty() && hidden_.empty()) return out += tape_.raw(value), true;
    const bool is_empty = tape_[value].size == 0;  // only what was empty before is shown empty
    if (tape_[value].kind == Kind::object) return write_object(value, included, path) || (included && is_empty);
    if (tape_[value].kind == Kind::array) return write_array(value, included, path) || (included && is_empty);
    if (included) out += tape_.raw(value);
    return included;
  }

  const JsonTape& tape_;
  const SourceFilter& filter_;
  const std::unordered_set<std::string_view> hidden_;
};

/// False if the source certainly has none of the paths. Most sources are stored without vectors: a search for the names
/// is quicker than reading them.
bool may_hold(std::string_view source, const std::vector<std::string>& paths) {
  constexpr std::size_t k_few = 8;
  if (paths.empty()) return false;
  if (paths.size() > k_few || source.find('\\') != std::string_view::npos) return true;  // a name may have escapes
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return source.find(path.substr(path.rfind('.') + 1) + '"') != std::string_view::npos;
  });
}

Refusal append_patterns(const rapidjson::Value& value, std::vector<std::string>& patterns) {
  if (json::is_text(value)) {
    patterns.emplace_back(value.GetString(), value.GetStringLength());
    return std::nullopt;
  }
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) {
      if (!json::is_text(item)) return ElasticError{400, "parsing_exception", "Unknown key for a value in [_source]."};
      patterns.emplace_back(item.GetString(), item.GetStringLength());
    }
    return std::nullopt;
  }
  return ElasticError{400, "parsing_exception", "Unknown key for a value in [_source]."};
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) {
  const std::size_t first = pattern.find('*');
  if (first == std::string_view::npos) return pattern == text;
  const std::string_view head = pattern.substr(0, first), tail = pattern.substr(pattern.rfind('*') + 1);
  if (text.size() < head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail)) return false;
  text = text.substr(head.size(), text.size() - head.size() - tail.size());
  pattern = pattern.substr(first, pattern.size() - first - tail.size());
  // What is between two stars, each at its first place behind the one before.
  while (!pattern.empty()) {
    const std::string_view part = pattern.substr(0, pattern.find('*'));
    pattern.remove_prefix(std::min(pattern.size(), part.size() + 1));
    if (part.empty()) continue;
    const void* const found = memmem(text.data(), text.size(), part.data(), part.size());
    if (found == nullptr) return false;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    text.remove_prefix(at + part.size());
  }
  return true;
}

Refusal check_pattern_count(std::string_view what, std::size_t count, std::size_t most) {
  if (count <= most) return std::nullopt;
  return illegal_argument("[" + std::string(what) + "] holds [" + std::to_string(count) +
                          "] names or patterns, more than the limit of [" + std::to_string(most) +
                          "]; name fewer, or raise --elasticsearch-max-patterns");
}

Answer<SourceFilter> parse_source_filter(const rapidjson::Value& value, std::size_t max_patterns) {
  SourceFilter filter;
  if (value.IsBool()) {
    filter.enabled = value.GetBool();
    return filter;
  }
  if (!value.IsObject()) {
    if (auto refusal = append_patterns(value, filter.includes)) return *refusal;
    if (auto refusal = check_pattern_count("_source", filter.includes.size(), max_patterns)) return *refusal;
    return filter;
  }
  for (const auto& [key, part] : value.GetObject()) {
    const std::string name(key.GetString(), key.GetStringLength());
    Refusal refusal;
    if (name == "includes" || name == "include") {
      refusal = append_patterns(part, filter.includes);
    } else if (name == "excludes" || name == "exclude") {
      refusal = append_patterns(part, filter.excludes);
    } else if (name == "exclude_vectors" && part.IsBool()) {
      filter.exclude_vectors = part.GetBool();
    } else {
      refusal = ElasticError{400, "parsing_exception", "Unknown key for a value in [" + name + "]."};
    }
    if (refusal) return *refusal;
  }
  if (auto refusal = check_pattern_count("_source", filter.includes.size() + filter.excludes.size(), max_patterns))
    return *refusal;
  return filter;
}

Refusal read_source_parameter(std::string_view name, const std::string& text, SourceFilter& filter) {
  if (name == "_source") {
    if (text == "true" || text == "false" || text.empty()) {
      filter.enabled = text != "false";
    } else {
      filter.includes = split(text, ',');
    }
  } else if (name == "_source_includes") {
    filter.includes = split(text, ',');
  } else if (name == "_source_excludes") {
    filter.excludes = split(text, ',');
  } else {
    auto flag = flag_from(name, text);
    if (!flag) return std::move(flag).error();
    filter.exclude_vectors = *flag;
  }
  return std::nullopt;
}

Answer<SourceFilter> source_filter_of(const http::Request& request, std::size_t max_patterns, SourceFilter base) {
  for (const char* name : {"_source", "_source_includes", "_source_excludes", "_source_exclude_vectors"}) {
    const auto text = query_parameter(request, name);
    if (!text) continue;
    if (auto refusal = read_source_parameter(name, *text, base)) return *std::move(refusal);
  }
  if (auto refusal = check_pattern_count("_source", base.includes.size() + base.excludes.size(), max_patterns))
    return *refusal;
  return base;
}

std::string filter_source(std::string_view source, const SourceFilter& filter) {
  const bool chooses = !filter.includes.empty() || !filter.excludes.empty();
  if (!chooses && !may_hold(source, filter.hidden_vectors)) return std::string(source);
  const auto tape = JsonTape::parse(source);
  if (!tape || (*tape)[0].kind != Kind::object) return std::string(source);
  SourceWriter writer(*tape, filter);
  writer.write_object(0, filter.includes.empty(), "");
  return std::move(writer.out);
}

}  // namespace sightline::elastic::rest
