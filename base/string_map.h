// A hash map whose keys are found without making strings of them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sightline {

/// Hashing that finds std::string keys by string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <class T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

}  // namespace sightline
