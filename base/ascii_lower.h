// ASCII lower case, independent of the locale.
#pragma once

#include <string>
#include <string_view>

namespace sightline {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// A to Z become a to z; other bytes are unchanged.
inline std::string ascii_lower(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = ascii_lower(c);
  return made;
}

/// Compares the beginning of `text` in any case with `prefix`, which must be lower case.
constexpr bool starts_with_any_case(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    if (ascii_lower(text[i]) != prefix[i]) return false;
  }
  return true;
}

}  // namespace sightline
