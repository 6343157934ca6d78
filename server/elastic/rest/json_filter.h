// Parts of a JSON text chosen by path: `_source` includes and excludes, and `filter_path`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {

/// True if `text` fits `pattern`, in which `*` stands for any text.
bool wildcard_match(std::string_view pattern, std::string_view text);

/// Which fields of a `_source` to show. Patterns are dotted paths, `*` stands for any text, dots included; a
/// path takes all below it. No includes: everything. Excludes win.
struct SourceFilter {
  bool enabled = true;  ///< false: no `_source` at all
  std::vector<std::string> includes = {};
  std::vector<std::string> excludes = {};
  bool exclude_vectors = true;  ///< false: put dense vectors back

  /// True if the source is to be fetched with its vectors: they were asked for, or an include may name one.
  bool needs_vectors() const { return enabled && (!exclude_vectors || !includes.empty()); }
  bool shows_everything() const { return includes.empty() && excludes.empty(); }
};

/// `_source` as a search body, an _mget item or an update body has it: true, false, "a", ["a","b*"],
/// {"includes":..,"excludes":..,"exclude_vectors":..}.
Answer<SourceFilter> parse_source_filter(const rapidjson::Value& value);

/// The parameters _source, _source_includes, _source_excludes and _source_exclude_vectors, over what `base`
/// says.
Answer<SourceFilter> source_filter_of(const http::Request& request, SourceFilter base = {});

/// The parts of `source` (a JSON object that was checked when it came in) that the filter shows; numbers and
/// strings byte by byte.
std::string filter_source(std::string_view source, const SourceFilter& filter);

/// The parts of `json` that `filter_path` names: comma list, `*` one level, `**` any levels, `-` in front
/// excludes.
std::string filter_by_path(std::string_view json, std::string_view filter_path);

}  // namespace sightline::elastic::rest
