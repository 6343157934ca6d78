// Parts of a JSON text chosen by path: `_source` includes and excludes, and `filter_path`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/string_map.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic::rest {

/// True if `text` fits `pattern`, in which `*` stands for any text. Takes no memory, and
/// time in proportion to their lengths.
bool wildcard_match(std::string_view pattern, std::string_view text);

/// Around the patterns of both filters: not part of them.
constexpr std::string_view k_pattern_blanks = " \t\r\n";

/// A pattern as it is compared with many texts: with one `*` where several follow each other. `wildcard_match` then takes
/// time in proportion to the text, however long the pattern.
std::string compact_pattern(std::string_view written);

using PathSet = std::unordered_set<std::string, StringHash, std::equal_to<>>;

/// What the patterns of a filter say of a member.
enum class Verdict : std::uint8_t { excluded, included, open };

/// Verdicts by path, for the documents that follow: most have the same fields. For one thread.
struct KnownVerdicts {
  StringMap<Verdict> by_path = {};
  std::size_t bytes = 0;  ///< of them, approximately
};

/// Which fields of a `_source` to show. Patterns are dotted paths, `*` stands for any text, dots included; a
/// path takes all below it, also within keys that have dots. Objects and arrays that
/// become empty are removed. No includes: everything. Excludes win.
struct SourceFilter {
  bool enabled = true;                                    ///< false: no `_source` at all
  std::vector<std::string> includes = {}, excludes = {};  ///< without blanks, by compact_pattern
  /// False: dense vectors are shown. Absent: as the setting of the index says.
  std::optional<bool> exclude_vectors = {};
  /// Paths of dense vectors, which are removed from sources that hold them. Null: none. Shared by all that show
  /// documents of an index, which may have very many.
  std::shared_ptr<const PathSet> hidden_vectors = {};
  /// Set where many documents are shown: thousands of patterns are then compared with each path once.
  std::shared_ptr<KnownVerdicts> known = {};
};

/// Reads a `_source` as a search body, an _mget item or an update body has it: true, false, "a", ["a","b*"],
/// {"includes":..,"excludes":..,"exclude_vectors":..}. Throws Refused. The count of the
/// patterns is not checked.
SourceFilter parse_source_filter(const JsonView& value);

/// Throws Refused for more includes and excludes together than Limits::max_patterns.
void check_patterns(const SourceFilter& filter, const Limits& limits);
/// The same as parse_source_filter and check_patterns.
inline SourceFilter read_source_filter(const JsonView& value, const Limits& limits) {
  SourceFilter filter = parse_source_filter(value);
  check_patterns(filter, limits);
  return filter;
}

/// Puts one of the parameters _source, _source_includes, _source_excludes and _source_exclude_vectors over
/// `filter`. Errors: a value of _source_exclude_vectors that is no flag.
Refusal read_source_parameter(std::string_view name, const std::string& text, SourceFilter& filter);

/// The parameters _source, _source_includes, _source_excludes and _source_exclude_vectors. Throws Refused.
SourceFilter source_filter_of(const http::Request& request, const Limits& limits);

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
