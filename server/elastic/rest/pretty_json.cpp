#include "server/elastic/rest/pretty_json.h"

#include <algorithm>
#include <vector>

#include "base/cancellation.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {
namespace {

class PrettyVisitor {
 public:
  PrettyVisitor(std::string_view text, std::size_t max_bytes) : text_(text), max_bytes_(max_bytes) {}

  bool key(std::string_view, json::Place place) {
    key_begin_ = place.begin;
    return true;
  }
  bool scalar(json::Kind, std::string_view, json::Place place) {
    append(place.begin, text_.substr(place.begin, place.end - place.begin));
    return true;
  }
  bool open(json::Kind kind, std::size_t begin) {
    append(begin, kind == json::Kind::array ? "[" : "{");
    open_.push_back({kind == json::Kind::array, true});
    return true;
  }
  bool close(json::Kind, std::size_t, std::size_t) {
    const Open closed = open_.back();
    open_.pop_back();
    closed.empty ? add(" ") : new_line();
    add(closed.array ? "]" : "}");
    return true;
  }

  bool too_large() const { return too_large_; }
  std::string out = {};

 private:
  struct Open {
    bool array, empty;
  };

  /// A value that begins at `begin`, with what goes before it.
  void append(std::size_t begin, std::string_view value) {
    check_cancelled();
    if (!open_.empty()) {
      if (!open_.back().empty) add(",");
      open_.back().empty = false;
      new_line();
      if (!open_.back().array) {
        std::string_view name = text_.substr(key_begin_, begin - key_begin_);
        name = name.substr(0, name.find_last_of(':'));
        add(name.substr(0, name.find_last_of('"') + 1));
        add(" : ");
      }
    }
    add(value);
  }

  void new_line() {
    add("\n");
    if (!too_large_) out.append(2 * open_.size(), ' ');
  }

  void add(std::string_view text) {
    too_large_ = too_large_ || out.size() + text.size() > max_bytes_;
    if (!too_large_) out += text;
  }

  std::string_view text_;
  std::size_t max_bytes_;
  std::vector<Open> open_;
  std::size_t key_begin_ = 0;
  bool too_large_ = false;
};

}  // namespace

std::optional<std::string> pretty_json(std::string_view json, std::size_t max_bytes) {
  PrettyVisitor visitor(json, max_bytes);
  visitor.out.reserve(std::min(max_bytes, json.size() + json.size() / 4));
  const bool whole = !json::read(json, k_json_limits, visitor);
  if (visitor.too_large()) return std::nullopt;
  if (!whole) return std::string(json);
  visitor.out += '\n';
  return std::move(visitor.out);
}

}  // namespace sightline::elastic::rest
