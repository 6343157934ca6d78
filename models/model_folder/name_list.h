// Lists of tensors' names in messages.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace sightline::models {

/// "\n  WHAT (2): a, b"; empty if there are no names. Names after the 60th are counted, not listed, so that a message
/// stays readable.
inline std::string name_list(const char* what, const std::vector<std::string>& names) {
  constexpr std::size_t k_max_listed = 60;
  if (names.empty()) return {};
  std::string text = std::string("\n  ") + what + " (" + std::to_string(names.size()) + "): ";
  for (std::size_t i = 0; i < std::min(names.size(), k_max_listed); ++i) text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > k_max_listed) text += ", and " + std::to_string(names.size() - k_max_listed) + " more";
  return text;
}

}  // namespace sightline::models
