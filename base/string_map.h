// A hash map whose keys are found without making strings of them, and which chosen keys cannot slow down.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sightline {

/// XXH3 of the bytes, with a secret that is drawn at each start: whoever chooses the keys (a document's words, names of
/// members) cannot choose them to collide, which would make a table as slow as a list. Finds std::string keys by
/// string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const;
};

template <class T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;
/// The same without copies of the keys, which must stay elsewhere.
template <class T>
using StringViewMap = std::unordered_map<std::string_view, T, StringHash>;

}  // namespace sightline
