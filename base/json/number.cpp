#include "base/json/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <system_error>

namespace sightline::json {
namespace {

// More digits than can affect how a double is rounded (768). One more digit replaces all digits after these.
constexpr std::size_t k_deciding_digits = 800;
// Up to this length std::from_chars is tried first. It reads exponents of up to five digits exactly. A number this
// short cannot have so many zeros that a larger exponent matters.
constexpr std::size_t k_plain_bytes = 1024;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// A number as 0.DIGITS times ten to the power of `exponent`; the first digit is not 0.
struct Decimal {
  bool negative = false;
  std::string digits;         // without leading zeros; if cut, a 1 replaces the digits cut off
  std::int64_t exponent = 0;  // saturates far outside of a double's range
};

std::int64_t read_exponent(std::string_view text) {
  constexpr std::int64_t k_far = std::numeric_limits<std::int64_t>::max() / 4;
  bool negative = false;
  std::int64_t exponent = 0;
  for (const char c : text) {
    if (c == '-') negative = true;
    if (is_digit(c)) exponent = std::min(exponent * 10 + (c - '0'), k_far / 16);
  }
  return negative ? -exponent : exponent;
}

Decimal take_apart(std::string_view written) {
  Decimal decimal;
  decimal.negative = written.starts_with('-');
  const std::size_t mantissa_end = std::min(written.find_first_of("eE"), written.size());
  if (mantissa_end < written.size()) decimal.exponent = read_exponent(written.substr(mantissa_end + 1));
  bool behind_point = false, cut = false;
  for (const char c : written.substr(0, mantissa_end)) {
    if (c == '.') behind_point = true;
    if (!is_digit(c)) continue;
    const bool leading_zero = c == '0' && decimal.digits.empty();
    if (leading_zero) {
      decimal.exponent -= behind_point;
      continue;
    }
    decimal.exponent += !behind_point;
    if (decimal.digits.size() < k_deciding_digits) {
      decimal.digits += c;
    } else {
      cut = cut || c != '0';
    }
  }
  if (cut) decimal.digits += '1';
  return decimal;
}

Number real(double value) {
  Number number;
  number.real = value;
  return number;
}

/// Slow, but correct for every length and exponent.
Number real_of(const Decimal& decimal) {
  constexpr std::int64_t k_largest = 310, k_smallest = -330;
  const double zero = decimal.negative ? -0.0 : 0.0;
  if (decimal.digits.empty() || decimal.exponent < k_smallest) return real(zero);
  Number too_large;
  too_large.kind = Number::Kind::too_large;
  if (decimal.exponent > k_largest) return too_large;
  const std::string text = "0." + decimal.digits + "e" + std::to_string(decimal.exponent);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() && decimal.exponent < 0) return real(zero);
  if (error != std::errc() || !std::isfinite(value)) return too_large;
  return real(decimal.negative ? -value : value);
}

}  // namespace

Number number_value(std::string_view written) {
  const char* const begin = written.data();
  const char* const end = begin + written.size();
  Number number;
  number.kind = Number::Kind::signed_integer;
  if (const auto read = std::from_chars(begin, end, number.integer); read.ec == std::errc() && read.ptr == end) {
    return number;
  }
  number.kind = Number::Kind::unsigned_integer;
  if (const auto read = std::from_chars(begin, end, number.natural); read.ec == std::errc() && read.ptr == end) {
    return number;
  }
  double value = 0;
  if (written.size() <= k_plain_bytes) {
    const auto read = std::from_chars(begin, end, value);
    if (read.ec == std::errc() && read.ptr == end && std::isfinite(value)) return real(value);
  }
  return real_of(take_apart(written));
}

std::optional<double> double_value(std::string_view written) {
  const Number number = number_value(written);
  switch (number.kind) {
    case Number::Kind::signed_integer:
      return static_cast<double>(number.integer);
    case Number::Kind::unsigned_integer:
      return static_cast<double>(number.natural);
    case Number::Kind::real:
      return number.real;
    case Number::Kind::too_large:
      break;
  }
  return std::nullopt;
}

std::string java_number_text(std::string_view written) {
  const bool is_integer = written.find_first_of(".eE") == std::string_view::npos;
  if (is_integer) return std::string(written == "-0" ? "0" : written);
  const std::optional<double> value = double_value(written);
  if (!value) return written.starts_with('-') ? "-Infinity" : "Infinity";
  const double size = std::abs(*value);
  const bool is_plain = size == 0 || (size >= 1e-3 && size < 1e7);
  std::array<char, 64> text{};
  const auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::string out(text.data(), std::to_chars(text.data(), text.data() + text.size(), *value, format).ptr);
  const std::size_t e = out.find('e');
  std::string mantissa = out.substr(0, e);
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  return e == std::string::npos ? mantissa : mantissa + "E" + std::to_string(std::stoi(out.substr(e + 1)));
}

}  // namespace sightline::json
