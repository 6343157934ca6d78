#include "server/elastic/rest/json_filter.h"

#include <algorithm>
#include <cstring>

#include "base/cancellation.h"
#include "base/json/document.h"
#include "base/split.h"
#include "base/trimmed.h"
#include "server/elastic/rest/member_table.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic::rest {
namespace {

using Kind = JsonToken::Kind;

/// `patterns` are compact. `key`: the last part of `path`. It may have dots: a pattern then also names what it holds up
/// to one of them.
bool any_match(const std::vector<std::string>& patterns, std::string_view path, std::string_view key) {
  const bool dotted = key.find('.') != std::string_view::npos;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    if (pattern.size() > 2 * path.size() + 1) return false;  // each character but the stars needs one of the path
    return wildcard_match(pattern, path) || (dotted && wildcard_match(pattern + ".*", path));
  });
}

const PathSet& hidden_of(const SourceFilter& filter) {
  static const PathSet none;
  return filter.hidden_vectors ? *filter.hidden_vectors : none;
}

/// Appends what a filter leaves of a value, piece by piece; knows whether anything was left.
class SourceWriter {
 public:
  SourceWriter(const JsonTape& tape, const SourceFilter& filter)
      : tape_(tape), filter_(filter), hidden_(hidden_of(filter)) {}

  /// Writes the object at `object`; false if no member was left.
  bool write_object(std::size_t object, bool included, const std::string& prefix) {
    out += '{';
    bool any = false;
    for (std::size_t key = object + 1; key < tape_[object].next; key = tape_[key + 1].next) {
      check_cancelled();
      const std::string path =
          prefix.empty() ? std::string(tape_[key].text) : prefix + "." + std::string(tape_[key].text);
      const Verdict verdict = hidden_.contains(path) ? Verdict::excluded : verdict_on(path, tape_[key].text);
      if (verdict == Verdict::excluded) continue;
      const std::size_t rewind = out.size();
      if (any) out += ',';
      out += tape_.raw(key);
      out += ':';
      if (write_value(key + 1, included || verdict == Verdict::included, path)) {
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
  /// `key`: the last part of `path`.
  Verdict verdict_on(const std::string& path, std::string_view key) {
    constexpr std::size_t k_few_patterns = 8, k_most_bytes = 1u << 20, k_entry_bytes = 80;
    const auto decide = [&] {
      if (any_match(filter_.excludes, path, key)) return Verdict::excluded;
      return any_match(filter_.includes, path, key) ? Verdict::included : Verdict::open;
    };
    KnownVerdicts* const known = filter_.known.get();
    const bool few = filter_.excludes.size() + filter_.includes.size() <= k_few_patterns;
    // With dots in its key, a path may mean something else than without.
    if (!known || few || key.find('.') != key.npos) return decide();
    if (const auto found = known->by_path.find(path); found != known->by_path.end()) return found->second;
    const Verdict verdict = decide();
    if (known->bytes + k_entry_bytes + path.size() <= k_most_bytes) {
      known->by_path.emplace(path, verdict);
      known->bytes += k_entry_bytes + path.size();
    }
    return verdict;
  }

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
  const PathSet& hidden_;
};

/// False if the source certainly has none of the paths. Most sources are stored without vectors: a search for the names
/// is quicker than reading them.
bool may_hold(std::string_view source, const PathSet& paths) {
  constexpr std::size_t k_few = 8;
  if (paths.empty()) return false;
  if (paths.size() > k_few || source.find('\\') != std::string_view::npos) return true;  // a name may have escapes
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return source.find(path.substr(path.rfind('.') + 1) + '"') != std::string_view::npos;
  });
}

std::vector<std::string> compact_patterns(const std::string& list) {
  std::vector<std::string> patterns = split(list, ',');
  for (std::string& pattern : patterns) pattern = compact_pattern(trimmed(pattern, k_pattern_blanks));
  return patterns;
}

/// Lists of patterns of a `_source` object.
template <std::vector<std::string> SourceFilter::*List>
void read_patterns(const JsonView& key, const JsonView& value, SourceFilter& filter) {
  value.each_or_self([&](const JsonView& item) {
    if (!item.is_string())
      refuse(parsing_exception(item, "[" + std::string(key.text()) + "] of [_source] must hold names or patterns"));
    (filter.*List).push_back(compact_pattern(trimmed(item.text(), k_pattern_blanks)));
  });
}

constexpr Kinds k_patterns = k_text | k_array;
const MemberTable<SourceFilter> k_source{
    "`_source`",
    "_source",
    k_parsing_error,
    {{"includes", k_patterns, read_patterns<&SourceFilter::includes>},
     {"include", k_patterns, read_patterns<&SourceFilter::includes>, "an older name of `includes`"},
     {"excludes", k_patterns, read_patterns<&SourceFilter::excludes>},
     {"exclude", k_patterns, read_patterns<&SourceFilter::excludes>, "an older name of `excludes`"},
     {"exclude_vectors", k_flags, into<&SourceFilter::exclude_vectors, read_bool>}}};

}  // namespace

std::string compact_pattern(std::string_view written) {
  std::string pattern(written);
  const auto both_stars = [](char a, char b) { return a == '*' && b == '*'; };
  pattern.erase(std::unique(pattern.begin(), pattern.end(), both_stars), pattern.end());
  return pattern;
}

bool wildcard_match(std::string_view pattern, std::string_view text) {
  // Of a pattern that is longer than the text no more is looked at than can decide.
  const std::size_t first = pattern.substr(0, text.size() + 1).find('*');
  if (first == std::string_view::npos) return pattern == text;
  const std::string_view end = pattern.substr(pattern.size() - std::min(pattern.size(), text.size() + 1));
  const std::size_t last = end.rfind('*');
  if (last == std::string_view::npos) return false;
  const std::string_view head = pattern.substr(0, first), tail = end.substr(last + 1);
  if (text.size() < head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail)) return false;
  text = text.substr(head.size(), text.size() - head.size() - tail.size());
  pattern = pattern.substr(first, pattern.size() - first - tail.size());
  // What is between two stars, each at its first place behind the one before.
  while (!pattern.empty()) {
    const std::string_view part = pattern.substr(0, pattern.substr(0, text.size() + 1).find('*'));
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

SourceFilter parse_source_filter(const JsonView& value) {
  SourceFilter filter;
  if (value.is_object()) {
    k_source.read(value, filter);
  } else if (value.is_bool() || value.text() == "true" || value.text() == "false") {
    filter.enabled = read_bool(value, "_source");
  } else {
    read_patterns<&SourceFilter::includes>(value, value, filter);
  }
  return filter;
}

void check_patterns(const SourceFilter& filter, const Limits& limits) {
  const std::size_t count = filter.includes.size() + filter.excludes.size();
  if (auto refusal = check_pattern_count("_source", count, limits.max_patterns)) refuse(*std::move(refusal));
}

Refusal read_source_parameter(std::string_view name, const std::string& text, SourceFilter& filter) {
  if (name == "_source") {
    if (text == "true" || text == "false" || text.empty()) {
      filter.enabled = text != "false";
    } else {
      filter.includes = compact_patterns(text);
    }
  } else if (name == "_source_includes") {
    filter.includes = compact_patterns(text);
  } else if (name == "_source_excludes") {
    filter.excludes = compact_patterns(text);
  } else {
    auto flag = flag_from(name, text);
    if (!flag) return std::move(flag).error();
    filter.exclude_vectors = *flag;
  }
  return std::nullopt;
}

SourceFilter source_filter_of(const http::Request& request, const Limits& limits) {
  SourceFilter filter;
  for (const char* name : {"_source", "_source_includes", "_source_excludes", "_source_exclude_vectors"}) {
    const auto text = query_parameter(request, name);
    if (!text) continue;
    if (auto refusal = read_source_parameter(name, *text, filter)) refuse(*std::move(refusal));
  }
  check_patterns(filter, limits);
  return filter;
}

std::string filter_source(std::string_view source, const SourceFilter& filter) {
  const bool chooses = !filter.includes.empty() || !filter.excludes.empty();
  if (!chooses && !may_hold(source, hidden_of(filter))) return std::string(source);
  const auto tape = JsonTape::parse(source);
  if (!tape || (*tape)[0].kind != Kind::object) return std::string(source);
  SourceWriter writer(*tape, filter);
  writer.write_object(0, filter.includes.empty(), "");
  return std::move(writer.out);
}

}  // namespace sightline::elastic::rest
