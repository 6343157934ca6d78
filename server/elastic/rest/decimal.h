// Decimal numbers in answers.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

namespace sightline::elastic {

/// Appends a number as Java prints a float or double in JSON: always with a point or an exponent.
template <class Float>
void append_decimal(std::string& out, Float value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

/// As Java compares numbers: -0.0 comes before 0.0.
template <class Number>
bool is_less(Number a, Number b) {
  return a < b || (a == b && std::signbit(a) && !std::signbit(b));
}

}  // namespace sightline::elastic
