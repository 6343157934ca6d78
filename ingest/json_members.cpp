#include "ingest/json_members.h"

#include <algorithm>
#include <set>

#include "base/json/builder.h"
#include "base/json/document.h"
#include "base/json/number.h"

namespace sightline::ingest {
namespace {

std::string braced(std::string_view members) {
  return std::string("{").append(members).append("}");
}

/// Collects the members of the outermost object, or the elements of the outermost array, without names.
class MemberCollector {
 public:
  explicit MemberCollector(std::string_view text) : text_(text) {}
  std::vector<JsonMember> members;
  bool is_object = false;

  bool scalar(json::Kind, std::string_view, json::Place place) { return value(place); }
  bool key(std::string_view name, json::Place) {
    if (depth_ == 1) members.push_back({std::string(name), {}});
    return true;
  }
  bool open(json::Kind kind, std::size_t offset) {
    if (depth_ == 0) is_object = kind == json::Kind::object;
    if (depth_ == 1) begin_ = offset;
    ++depth_;
    return true;
  }
  bool close(json::Kind, std::size_t, std::size_t end) {
    --depth_;
    return depth_ != 1 || value({begin_, end});
  }

 private:
  bool value(json::Place place) {
    if (depth_ != 1) return true;
    if (!is_object) members.emplace_back();
    members.back().value = text_.substr(place.begin, place.end - place.begin);
    return true;
  }

  std::string_view text_;
  std::size_t depth_ = 0, begin_ = 0;
};

/// Follows the path of names to each leaf.
class LeafVisitor {
 public:
  explicit LeafVisitor(const std::function<void(const std::string&, const JsonLeaf&)>& leaf) : leaf_(leaf) {}

  bool scalar(json::Kind kind, std::string_view text, json::Place place) {
    if (kind == json::Kind::null) return leave({});
    return leave({{kind == json::Kind::number   ? JsonLeaf::Kind::number
                   : kind == json::Kind::string ? JsonLeaf::Kind::text
                                                : JsonLeaf::Kind::boolean,
                   text, place, 0}});
  }
  bool key(std::string_view name, json::Place) {
    open_.back().before = path_.size();
    if (!path_.empty()) path_ += '.';
    path_ += name;
    return true;
  }
  bool open(json::Kind kind, std::size_t) {
    open_.push_back({kind == json::Kind::object, path_.size(), 0});
    return true;
  }
  bool close(json::Kind, std::size_t, std::size_t) {
    open_.pop_back();
    return leave({});
  }

 private:
  struct Level {
    bool is_object;
    std::size_t before;  // length of the path without the current key
    std::size_t elements;
  };
  bool leave(std::optional<JsonLeaf> leaf) {
    if (open_.empty()) return true;
    Level& level = open_.back();
    if (!level.is_object) ++level.elements;
    if (leaf) {
      leaf->array_size = level.is_object ? 0 : level.elements;
      leaf_(path_, *leaf);
    }
    if (level.is_object) path_.resize(level.before);
    return true;
  }

  const std::function<void(const std::string&, const JsonLeaf&)>& leaf_;
  std::vector<Level> open_;
  std::string path_;
};

bool is_object(std::string_view value) {
  return value.starts_with('{');
}

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : std::string(path).append(".").append(name);
}

/// Merges members below a path. `places` are the full paths of all that is brought.
class Merge {
 public:
  explicit Merge(const std::vector<JsonMember>& brought) { collect({}, brought); }

  std::string members(const std::string& path, const std::vector<JsonMember>& held,
                      const std::vector<JsonMember>& brought) const {
    json::Builder out;
    for (const JsonMember& member : held) {
      const auto same = std::find_if(brought.begin(), brought.end(),
                                     [&](const JsonMember& other) { return other.name == member.name; });
      if (same != brought.end()) continue;  // below, in its place among what is brought
      const auto kept = what_is_kept(joined(path, member.name), member.value);
      if (kept) out.member(member.name, json::Raw{*kept});
    }
    for (const JsonMember& member : brought) {
      const auto same =
          std::find_if(held.begin(), held.end(), [&](const JsonMember& other) { return other.name == member.name; });
      if (same != held.end() && is_object(same->value) && is_object(member.value)) {
        const auto inner_held = members_of(same->value), inner_brought = members_of(member.value);
        if (inner_held && inner_brought)
          out.object(member.name).list(members(joined(path, member.name), *inner_held, *inner_brought)).end();
      } else {
        out.member(member.name, json::Raw{member.value});
      }
    }
    return out.text();
  }

 private:
  void collect(const std::string& path, const std::vector<JsonMember>& members) {
    for (const JsonMember& member : members) {
      const std::string name = joined(path, member.name);
      if (!is_object(member.value)) {
        leaves_.insert(name);
      } else if (const auto inner = members_of(member.value)) {
        collect(name, *inner);
      }
    }
  }

  /// Of a held value under a name that is not brought in that spelling; nothing if it is brought in another.
  std::optional<std::string> what_is_kept(const std::string& path, std::string_view value) const {
    for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
      if (leaves_.contains(path.substr(0, dot))) return std::nullopt;
    }
    if (leaves_.contains(path)) return std::nullopt;
    const std::string inside = std::string(path).append(".");
    const auto below = leaves_.lower_bound(inside);
    if (below == leaves_.end() || !below->starts_with(inside)) return std::string(value);
    if (!is_object(value)) return std::nullopt;  // it becomes an object
    const auto inner = members_of(value);
    std::string kept = inner ? members(path, *inner, {}) : std::string();
    return kept.empty() ? std::nullopt : std::optional(braced(kept));
  }

  std::set<std::string> leaves_;
};

/// Leaves fields out, and notes which were there.
class Pruner {
 public:
  explicit Pruner(const std::vector<std::string>& paths) : paths_(paths.begin(), paths.end()) {}

  std::string members(const std::string& path, const std::vector<JsonMember>& held) {
    json::Builder out;
    for (const JsonMember& member : held) {
      const std::string name = joined(path, member.name);
      if (!paths_.contains(name)) {
        out.member(member.name, json::Raw{value(name, member.value)});
      } else if (member.value != "null") {
        removed.insert(name);
      }
    }
    return out.text();
  }

  std::set<std::string> removed;

 private:
  /// `held` as it is where nothing below is to be left out.
  std::string value(const std::string& path, std::string_view held) {
    const std::string inside = std::string(path).append(".");
    const auto below = paths_.lower_bound(inside);
    if (below == paths_.end() || !below->starts_with(inside)) return std::string(held);
    if (is_object(held)) {
      const auto inner = members_of(held);
      return inner ? braced(members(path, *inner)) : std::string(held);
    }
    if (!held.starts_with('[')) return std::string(held);
    json::Builder out;
    out.array();
    for (const std::string_view element : elements_of(held)) out.value(json::Raw{value(path, element)});
    return out.text();
  }

  const std::set<std::string> paths_;
};

bool same_value(const rapidjson::Value& a, const rapidjson::Value& b) {
  if (a.IsArray() && b.IsArray()) {
    return std::equal(a.Begin(), a.End(), b.Begin(), b.End(), same_value);
  }
  if (a.IsObject() && b.IsObject()) {
    if (a.MemberCount() != b.MemberCount()) return false;
    return std::all_of(a.MemberBegin(), a.MemberEnd(), [&](const auto& member) {
      const auto other = b.FindMember(member.name);
      return other != b.MemberEnd() && same_value(member.value, other->value);
    });
  }
  if (a == b) return true;
  const auto number = json::written_number(a), other = json::written_number(b);
  return number && other && json::java_number_text(*number) == json::java_number_text(*other);
}

}  // namespace

std::optional<std::vector<JsonMember>> members_of(std::string_view object) {
  MemberCollector collector(object);
  if (json::read(object, k_document_json, collector) || !collector.is_object) return std::nullopt;
  return std::move(collector.members);
}

std::vector<std::string_view> elements_of(std::string_view array) {
  MemberCollector collector(array);
  std::vector<std::string_view> elements;
  if (json::read(array, k_document_json, collector) || collector.is_object) return elements;
  for (const JsonMember& member : collector.members) elements.push_back(member.value);
  return elements;
}

json::Fault visit_leaves(std::string_view object,
                         const std::function<void(const std::string& path, const JsonLeaf& leaf)>& leaf) {
  LeafVisitor visitor(leaf);
  return json::read(object, k_document_json, visitor);
}

std::string merged_members(std::string_view held, std::string_view brought, const std::vector<std::string>& dropped) {
  const std::string held_object = braced(held), brought_object = braced(brought);
  auto held_members = members_of(held_object);
  const auto brought_members = members_of(brought_object);
  if (!held_members || !brought_members) return std::string(brought);
  std::erase_if(*held_members, [&](const JsonMember& member) {
    return std::find(dropped.begin(), dropped.end(), member.name) != dropped.end();
  });
  return Merge(*brought_members).members({}, *held_members, *brought_members);
}

Pruned without_fields(std::string_view members, const std::vector<std::string>& paths) {
  const std::string object = braced(members);
  const auto held = members_of(object);
  if (!held || paths.empty()) return {std::string(members), {}};
  Pruner pruner(paths);
  std::string left = pruner.members({}, *held);
  return {std::move(left), std::move(pruner.removed)};
}

bool same_members(std::string_view a, std::string_view b) {
  const auto read = [](std::string_view members, rapidjson::Document& document) {
    return json::read_document(braced(members), document, k_document_json, json::Strings::copied,
                               json::Numbers::as_written);
  };
  rapidjson::Document first, second;
  if (read(a, first) || read(b, second)) return a == b;
  return same_value(first, second);
}

}  // namespace sightline::ingest
