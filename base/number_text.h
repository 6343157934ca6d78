// Numbers from texts.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace sightline {

/// The decimal number that is all of `text`, without whitespace or a plus sign; nothing if there is
/// none, or one that `Number` cannot represent.
template <class Number>
std::optional<Number> number_from(std::string_view text) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

}  // namespace sightline
