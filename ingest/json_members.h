// JSON objects as their members, each as it is written: numbers keep all their digits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/reader.h"

namespace sightline::ingest {

/// How documents, and answers that hold them, are read: as Elasticsearch reads them, half of a surrogate pair
/// included, and up to the values of a whole bulk.
inline constexpr json::Limits k_document_json{.max_values = 10'000'000, .lone_surrogates = true};

/// One member of an object.
struct JsonMember {
  std::string name;
  std::string_view value;  ///< as written, a part of the object's text
};

/// The members of a JSON object, in order. Nothing if `object` is not one.
std::optional<std::vector<JsonMember>> members_of(std::string_view object);

/// The elements of a JSON array, each as it is written, in order. Empty if `array` is not one.
std::vector<std::string_view> elements_of(std::string_view array);

/// A value that holds no others.
struct JsonLeaf {
  enum class Kind : std::uint8_t { text, number, boolean };
  Kind kind = Kind::text;
  std::string_view text;       ///< a string's characters, else the value as written; good during the call only
  json::Place place;           ///< in the object's text
  std::size_t array_size = 0;  ///< position + 1 in the array that holds it; 0 outside of arrays
};

/// Calls `leaf` for every text, number and boolean below `object`, with its path: names joined by dots;
/// arrays add nothing to a path, nulls are left out.
json::Fault visit_leaves(std::string_view object,
                         const std::function<void(const std::string& path, const JsonLeaf& leaf)>& leaf);

/// The fields of a document after a write that brings `brought` to one that holds `held`, both JSON members
/// without braces: what `brought` names is as there, objects are merged, all else is as in `held`. `a.b` and
/// `{"a":{"b":...}}` are the same field. What stands in `dropped` (top-level names) is left out of `held`.
std::string merged_members(std::string_view held, std::string_view brought,
                           const std::vector<std::string>& dropped = {});

/// JSON members without some of their fields.
struct Pruned {
  std::string members;
  std::set<std::string> removed;  ///< the paths of those that were there; of a null nothing
};
/// `members` without what is at `paths`: names joined by dots, through objects, arrays of objects, and names with dots.
Pruned without_fields(std::string_view members, const std::vector<std::string>& paths);

/// Both are JSON objects without braces, and mean the same: members in any order, decimals in any spelling (pipelines
/// print them anew), integers digit by digit.
bool same_members(std::string_view a, std::string_view b);

}  // namespace sightline::ingest
