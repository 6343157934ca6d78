#include "server/elastic/rest/json_filter.h"

#include <algorithm>

#include "base/split.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic::rest {
namespace {

using Kind = JsonToken::Kind;

bool any_match(const std::vector<std::string>& patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [path](const std::string& pattern) { return wildcard_match(pattern, path); });
}

/// Appends what a filter leaves of a value, piece by piece; knows whether anything was left.
class SourceWriter {
 public:
  SourceWriter(const JsonTape& tape, const SourceFilter& filter) : tape_(tape), filter_(filter) {}

  /// Writes the object at `object`; false if no member was left.
  bool write_object(std::size_t object, bool included, const std::string& prefix) {
    out += '{';
    bool any = false;
    for (std::size_t key = object + 1; key < tape_[object].next; key = tape_[key + 1].next) {
      const std::string path =
          prefix.empty() ? std::string(tape_[key].text) : prefix + "." + std::string(tape_[key].text);
      if (any_match(filter_.excludes, path)) continue;
      const std::size_t rewind = out.size();
      if (any) out += ',';
      out += tape_.raw(key);
      out += ':';
      if (write_value(key + 1, included || any_match(filter_.includes, path), path)) {
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
    if (included && filter_.excludes.empty()) return out += tape_.raw(value), true;
    if (tape_[value].kind == Kind::object) return write_object(value, included, path) || included;
    if (tape_[value].kind == Kind::array) return write_array(value, included, path) || included;
    if (included) out += tape_.raw(value);
    return included;
  }

  const JsonTape& tape_;
  const SourceFilter& filter_;
};

/// One path of `filter_path`, split into its levels.
using PathPattern = std::vector<std::string>;

/// A pattern and how many of its levels are matched.
struct PathState {
  const PathPattern* pattern;
  std::size_t level;
};
using PathStates = std::vector<PathState>;

/// The states after the member `name`; `complete` becomes true if a pattern has ended with it.
PathStates step(const PathStates& states, std::string_view name, bool& complete) {
  PathStates next;
  for (PathState state : states) {
    const PathPattern& levels = *state.pattern;
    for (; state.level < levels.size() && levels[state.level] == "**"; ++state.level) {
      next.push_back(state);  // it may go on taking levels
      if (state.level + 1 == levels.size()) complete = true;
    }
    if (state.level == levels.size() || !wildcard_match(levels[state.level], name)) continue;
    if (state.level + 1 == levels.size()) complete = true;
    next.push_back({state.pattern, state.level + 1});
  }
  return next;
}

class PathWriter {
 public:
  PathWriter(const JsonTape& tape, bool has_includes) : tape_(tape), has_includes_(has_includes) {}

  /// Writes what is left of a value; false if that is nothing.
  bool write_value(std::size_t value, bool included, const PathStates& includes, const PathStates& excludes) {
    if (included && excludes.empty()) return out += tape_.raw(value), true;
    const bool object = tape_[value].kind == Kind::object;
    if (!object && tape_[value].kind != Kind::array) {
      if (included) out += tape_.raw(value);
      return included;
    }
    out += object ? '{' : '[';
    bool any = false;
    for (std::size_t child = value + 1; child < tape_[value].next;) {
      const std::size_t rewind = out.size();
      if (any) out += ',';
      const bool left = object ? write_member(child, included, includes, excludes)
                               : write_value(child, included, includes, excludes);
      if (left) any = true;
      if (!left) out.resize(rewind);
      child = object ? tape_[child + 1].next : tape_[child].next;
    }
    out += object ? '}' : ']';
    return any || (included && tape_[value].size == 0);
  }

  std::string out = {};

 private:
  bool write_member(std::size_t key, bool included, const PathStates& includes, const PathStates& excludes) {
    bool taken = false, dropped = false;
    const PathStates deeper_includes = step(includes, tape_[key].text, taken);
    const PathStates deeper_excludes = step(excludes, tape_[key].text, dropped);
    if (dropped) return false;
    included = included || taken || !has_includes_;
    if (!included && deeper_includes.empty()) return false;
    out += tape_.raw(key);
    out += ':';
    return write_value(key + 1, included, deeper_includes, deeper_excludes);
  }

  const JsonTape& tape_;
  bool has_includes_;
};

Refusal append_patterns(const rapidjson::Value& value, std::vector<std::string>& patterns) {
  if (value.IsString()) {
    patterns.emplace_back(value.GetString(), value.GetStringLength());
    return std::nullopt;
  }
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) {
      if (!item.IsString())
        return ElasticError{400, "parsing_exception", "Unknown key for a value in [_source]."};
      patterns.emplace_back(item.GetString(), item.GetStringLength());
    }
    return std::nullopt;
  }
  return ElasticError{400, "parsing_exception", "Unknown key for a value in [_source]."};
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Answer<SourceFilter> parse_source_filter(const rapidjson::Value& value) {
  SourceFilter filter;
  if (value.IsBool()) {
    filter.enabled = value.GetBool();
    return filter;
  }
  if (!value.IsObject()) {
    if (auto refusal = append_patterns(value, filter.includes)) return *refusal;
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
  return filter;
}

Answer<SourceFilter> source_filter_of(const http::Request& request, SourceFilter base) {
  if (const auto source = query_parameter(request, "_source")) {
    if (*source == "true" || *source == "false" || source->empty()) {
      base.enabled = *source != "false";
    } else {
      base.includes = split(*source, ',');
    }
  }
  for (const char* name : {"_source_includes", "_source_include"}) {
    if (const auto list = query_parameter(request, name)) base.includes = split(*list, ',');
  }
  for (const char* name : {"_source_excludes", "_source_exclude"}) {
    if (const auto list = query_parameter(request, name)) base.excludes = split(*list, ',');
  }
  auto exclude_vectors = query_flag(request, "_source_exclude_vectors", base.exclude_vectors);
  if (!exclude_vectors) return exclude_vectors.error();
  base.exclude_vectors = *exclude_vectors;
  return base;
}

std::string filter_source(std::string_view source, const SourceFilter& filter) {
  if (filter.shows_everything()) return std::string(source);
  const auto tape = JsonTape::skim(source);
  if (!tape || (*tape)[0].kind != Kind::object) return std::string(source);
  SourceWriter writer(*tape, filter);
  writer.write_object(0, filter.includes.empty(), "");
  return std::move(writer.out);
}

std::string filter_by_path(std::string_view json, std::string_view filter_path) {
  std::vector<PathPattern> included, excluded;
  for (const std::string& path : split(filter_path, ',')) {
    if (path[0] == '-') {
      excluded.push_back(split(std::string_view(path).substr(1), '.'));
    } else {
      included.push_back(split(path, '.'));
    }
  }
  const auto tape = JsonTape::parse(json);
  if (!tape || (included.empty() && excluded.empty())) return std::string(json);
  PathStates includes, excludes;
  for (const PathPattern& pattern : included) includes.push_back({&pattern, 0});
  for (const PathPattern& pattern : excluded) excludes.push_back({&pattern, 0});
  PathWriter writer(*tape, !included.empty());
  if (!writer.write_value(0, false, includes, excludes)) return (*tape)[0].kind == Kind::array ? "[]" : "{}";
  return std::move(writer.out);
}

}  // namespace sightline::elastic::rest
