// `filter_path`, in one pass over an answer.
#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/cancellation.h"
#include "base/split.h"
#include "base/trimmed.h"
#include "server/elastic/rest/json_filter.h"

namespace sightline::elastic::rest {
namespace {

/// A set of levels that the next member may match. Sets, since a pattern with several `**` reaches one level
/// in as many ways as there are to share out the members between them.
class LevelSet {
 public:
  explicit LevelSet(std::size_t levels) : words_((levels + 63) / 64) {}

  void add(std::size_t level) { words_[level / 64] |= std::uint64_t{1} << (level % 64); }
  bool empty() const {
    return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1)
        visit(i * 64 + static_cast<std::size_t>(std::countr_zero(word)));
    }
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace

/// Writes what a filter shows of the JSON text that is walked.
class PathVisitor {
 public:
  PathVisitor(const PathFilter& filter, std::string_view text) : filter_(filter), text_(text) {
    next_ = {false, start(filter.includes_), start(filter.excludes_)};
  }

  bool key(std::string_view name, json::Place place) {
    if (inside_ != 0) return true;
    check_cancelled();
    key_begin_ = place.begin;
    bool taken = false, dropped = false;
    Frame& object = open_.back();
    object.is_empty = false;
    next_.includes = step(object.includes, name, taken);
    next_.excludes = step(object.excludes, name, dropped);
    next_.included = object.included || taken || filter_.includes_.empty();
    next_.dropped = dropped || (!next_.included && next_.includes.empty());
    return true;
  }

  bool scalar(json::Kind, std::string_view, json::Place place) {
    if (inside_ != 0) return true;
    next_as_element();
    if (!next_.dropped && next_.included) append(place.begin, text_.substr(place.begin, place.end - place.begin));
    return true;
  }

  bool open(json::Kind kind, std::size_t begin) {
    if (inside_ != 0) return ++inside_, true;
    next_as_element();
    whole_ = !next_.dropped && next_.included && next_.excludes.empty();
    if (next_.dropped || whole_) {
      begin_ = begin;
      inside_ = 1;
      return true;
    }
    Frame frame = next_;
    frame.array = kind == json::Kind::array;
    frame.is_empty = true;
    frame.rewind = out.size();
    append(begin, frame.array ? "[" : "{");
    frame.inner = out.size();
    open_.push_back(std::move(frame));
    return true;
  }

  bool close(json::Kind, std::size_t, std::size_t end) {
    if (inside_ != 0) {
      if (--inside_ == 0 && whole_) append(begin_, text_.substr(begin_, end - begin_));
      return true;
    }
    const Frame closed = std::move(open_.back());
    open_.pop_back();
    if (out.size() == closed.inner && !(closed.included && closed.is_empty)) {
      out.resize(closed.rewind);
    } else {
      out += closed.array ? ']' : '}';
    }
    return true;
  }

  std::string out = {};

 private:
  /// A value, or an array or object that is open: its place in the filter.
  struct Frame {
    bool included = false;  ///< it is shown unless an exclude takes it out
    LevelSet includes, excludes;
    bool dropped = false;
    bool array = false;
    bool is_empty = true;               ///< in the answer itself
    std::size_t rewind = 0, inner = 0;  ///< of `out`: before it with its name, and behind its bracket
  };

  LevelSet start(const std::vector<std::size_t>& first_levels) const {
    LevelSet set(filter_.levels_.size());
    for (const std::size_t level : first_levels) enter(set, level);
    return set;
  }

  /// `**` may stand for no level at all.
  void enter(LevelSet& set, std::size_t level) const {
    set.add(level);
    if (filter_.levels_[level].any_levels && !filter_.levels_[level].last) set.add(level + 1);
  }

  /// The levels behind the member `name`; `complete` becomes true if a path ends with it.
  LevelSet step(const LevelSet& set, std::string_view name, bool& complete) const {
    LevelSet next(filter_.levels_.size());
    set.for_each([&](std::size_t i) {
      const PathFilter::Level& level = filter_.levels_[i];
      if (!level.any_levels && !wildcard_match(level.name, name)) return;
      complete = complete || level.last;
      if (level.any_levels) enter(next, i);
      if (!level.any_levels && !level.last) enter(next, i + 1);
    });
    return next;
  }

  /// Elements of an array have its place.
  void next_as_element() {
    if (open_.empty() || !open_.back().array) return;
    open_.back().is_empty = false;
    next_.included = open_.back().included;
    next_.includes = open_.back().includes;
    next_.excludes = open_.back().excludes;
    next_.dropped = false;
  }

  /// A value that begins at `begin`, with what goes before it.
  void append(std::size_t begin, std::string_view value) {
    if (!open_.empty()) {
      if (out.size() != open_.back().inner) out += ',';
      if (!open_.back().array) {
        std::string_view name = text_.substr(key_begin_, begin - key_begin_);
        name = name.substr(0, name.find_last_of(':'));
        out += name.substr(0, name.find_last_of('"') + 1);
        out += ':';
      }
    }
    out += value;
  }

  const PathFilter& filter_;
  std::string_view text_;
  std::vector<Frame> open_;
  Frame next_{false, LevelSet(0), LevelSet(0)};
  std::size_t key_begin_ = 0;
  std::size_t inside_ = 0;  // depth within a value that is shown or dropped as a whole
  bool whole_ = false;      // it is shown
  std::size_t begin_ = 0;   // where it begins
};

Answer<PathFilter> PathFilter::parse(std::string_view filter_path, std::size_t max_levels) {
  PathFilter filter;
  for (const std::string& part : split(filter_path, ',')) {
    const std::string_view path = trimmed(part, k_pattern_blanks);
    const bool excludes = path.starts_with('-');
    filter.add(path.substr(excludes ? 1 : 0), excludes ? filter.excludes_ : filter.includes_);
    if (filter.levels_.size() > max_levels) {
      return illegal_argument("[filter_path] has more levels in its paths than the limit of [" +
                              std::to_string(max_levels) + "]; name fewer, or raise --elasticsearch-max-patterns");
    }
  }
  return filter;
}

void PathFilter::add(std::string_view path, std::vector<std::size_t>& first_levels) {
  const std::size_t first = levels_.size();
  for (std::string& name : split(path, '.')) {
    const bool any_levels = name == "**";
    // Two `**` in a row stand for no more than one.
    if (any_levels && levels_.size() > first && levels_.back().any_levels) continue;
    levels_.push_back({std::move(name), any_levels, false});
  }
  if (levels_.size() == first) return;
  levels_.back().last = true;
  first_levels.push_back(first);
}

std::string PathFilter::apply(std::string_view json) const {
  if (shows_everything()) return std::string(json);
  PathVisitor visitor(*this, json);
  if (json::read(json, k_json_limits, visitor)) return std::string(json);
  if (visitor.out.empty()) return json.starts_with('[') ? "[]" : "{}";
  return std::move(visitor.out);
}

}  // namespace sightline::elastic::rest
