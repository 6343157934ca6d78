#include "server/elastic/rest/json_merge.h"

#include "base/cancellation.h"
#include "base/json/number.h"
#include "base/string_map.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {
namespace {

using Kind = JsonToken::Kind;

/// Finds the values of an object's members: the index of a name's value, or 0. One search of a tape takes as many steps as
/// the object has members, so those of large ones go into a table first.
class Members {
 public:
  Members(const JsonTape& tape, std::size_t object) : tape_(tape), object_(object) {
    constexpr std::size_t k_few = 16;
    if (tape[object].size <= k_few) return;
    for (std::size_t key = object + 1; key < tape[object].next; key = tape[key + 1].next) {
      check_cancelled();
      values_.emplace(tape[key].text, key + 1);
    }
  }
  std::size_t operator[](std::string_view name) const {
    if (values_.empty()) return tape_.member(object_, name);
    const auto found = values_.find(name);
    return found == values_.end() ? 0 : found->second;
  }

 private:
  const JsonTape& tape_;
  const std::size_t object_;
  StringViewMap<std::size_t> values_;  // empty: of few members
};

bool same_value(const JsonTape& a, std::size_t left, const JsonTape& b, std::size_t right) {
  if (a[left].kind != b[right].kind || a[left].size != b[right].size) return false;
  if (a[left].kind == Kind::array) {
    std::size_t l = left + 1, r = right + 1;
    for (; l < a[left].next; l = a[l].next, r = b[r].next) {
      if (!same_value(a, l, b, r)) return false;
    }
    return true;
  }
  if (a[left].kind == Kind::object) {
    const Members others(b, right);
    for (std::size_t key = left + 1; key < a[left].next; key = a[key + 1].next) {
      const std::size_t other = others[a[key].text];
      if (other == 0 || !same_value(a, key + 1, b, other)) return false;
    }
    return true;
  }
  if (a[left].text == b[right].text) return true;
  // As Elasticsearch compares them: 1.50 is 1.5, and not 1.
  return a[left].kind == Kind::number && json::double_value(a[left].text) &&
         json::java_number_text(a[left].text) == json::java_number_text(b[right].text);
}

void merge_objects(MergedJson& merged, const JsonTape& base, std::size_t object, const JsonTape& patch,
                   std::size_t change) {
  merged.text += '{';
  bool first = true;
  const auto append_key = [&](std::string_view key) {
    if (!first) merged.text += ',';
    first = false;
    merged.text += key;
    merged.text += ':';
  };
  const Members changes(patch, change), members(base, object);
  for (std::size_t key = object + 1; key < base[object].next; key = base[key + 1].next) {
    append_key(base.raw(key));
    const std::size_t value = key + 1, other = changes[base[key].text];
    if (other == 0) {
      merged.text += base.raw(value);
    } else if (base[value].kind == Kind::object && patch[other].kind == Kind::object) {
      merge_objects(merged, base, value, patch, other);
    } else {
      merged.changed = merged.changed || !same_value(base, value, patch, other);
      merged.text += patch.raw(other);
    }
  }
  for (std::size_t key = change + 1; key < patch[change].next; key = patch[key + 1].next) {
    if (members[patch[key].text] != 0) continue;
    merged.changed = true;
    append_key(patch.raw(key));
    merged.text += patch.raw(key + 1);
  }
  merged.text += '}';
}

}  // namespace

Answer<MergedJson> merge_json(std::string_view base_text, std::string_view patch) {
  const auto base = JsonTape::parse(base_text);
  if (!base) return base.error();
  const auto change = JsonTape::parse(patch);
  if (!change) return change.error();
  MergedJson merged;
  merge_objects(merged, *base, 0, *change, 0);
  return merged;
}

}  // namespace sightline::elastic::rest
