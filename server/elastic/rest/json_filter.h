// Parts of a JSON text chosen by path: `_source` includes and excludes, and `filter_path`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {

/// True if `text` fits `pattern`, in which `*` stands for any text. Takes no memory, and
/// time in proportion to their lengths.
bool wildcard_match(std::string_view pattern, std::string_view text);

/// Around the patterns of both filters: not part of them.
constexpr std::string_view k_pattern_blanks = " \t\r\n";

/// Which fields of a `_source` to show. Patterns are dotted paths, `*` stands for any text, dots included; a
/// path takes all below it, also within keys that have dots. Objects and arrays that
/// become empty are removed. No includes: everything. Excludes win.
struct SourceFilter {
  bool enabled = true;  ///< false: no `_source` at all
  std::vector<std::string> includes = {};
  std::vector<std::string> excludes = {};
  /// False: dense vectors are shown. Absent: as the setting of the index says.
  std::optional<bool> exclude_vectors = {};
  /// Paths of dense vectors, which are removed from sources that hold them.
  std::vector<std::string> hidden_vectors = {};
};

/// `_source` as a search body, an _mget item or an update body has it: true, false, "a", ["a","b*"],
/// {"includes":..,"excludes":..,"exclude_vectors":..}.
/// `max_patterns`: the most includes and excludes together. Errors: parsing_exception,
/// illegal_argument_exception.
Answer<SourceFilter> parse_source_filter(const rapidjson::Value& value, std::size_t max_patterns);

/// Puts one of the parameters _source, _source_includes, _source_excludes and _source_exclude_vectors over
/// `filter`. Errors: a value of _source_exclude_vectors that is no flag.
Refusal read_source_parameter(std::string_view name, const std::string& text, SourceFilter& filter);

/// The parameters _source, _source_includes, _source_excludes and _source_exclude_vectors, over what `base`
/// says. Errors as above.
Answer<SourceFilter> source_filter_of(const http::Request& request, std::size_t max_patterns, SourceFilter base = {});

/// The parts of `source` (a JSON object that was checked when it came in) that the filter shows; numbers and
/// strings byte by byte.
std::string filter_source(std::string_view source, const SourceFilter& filter);

/// `filter_path`: which parts of an answer to show. A comma list of dotted paths, `*` stands for any text
/// within one level, `**` for any levels, `-` in front excludes.
class PathFilter {
 public:
  /// Everything.
  PathFilter() = default;
  /// Errors: illegal_argument_exception for more levels than `max_levels` in all paths together.
  static Answer<PathFilter> parse(std::string_view filter_path, std::size_t max_levels);

  bool shows_everything() const { return levels_.empty(); }
  /// The parts of `json` (an answer of ours) that the paths name; takes no memory but for the answer, and
  /// time in proportion to it.
  std::string apply(std::string_view json) const;

 private:
  friend class PathVisitor;
  /// One level of one path.
  struct Level {
    std::string name;
    bool any_levels;  ///< `**`
    bool last;
  };
  void add(std::string_view path, std::vector<std::size_t>& first_levels);

  std::vector<Level> levels_;                     // of all paths, one behind the other
  std::vector<std::size_t> includes_, excludes_;  // first levels
};

/// illegal_argument_exception for a list of more than `most` names or patterns; `what` is the parameter or
/// field that holds them.
Refusal check_pattern_count(std::string_view what, std::size_t count, std::size_t most);

}  // namespace sightline::elastic::rest
