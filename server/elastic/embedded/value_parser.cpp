#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/json/utf8.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/document.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;
using Fault = std::optional<std::string>;

/// The longest term in Lucene.
constexpr std::size_t k_longest_term_bytes = 32766;
constexpr double k_largest_half_float = 65504;

/// Accepts numbers in strings. Truncates decimals.
Fault append_whole_number(FieldValues& values, std::string_view text) {
  const auto [least, most] = range_of(values.type);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = end == text.data() + text.size();
  if (!is_whole || error != std::errc()) {
    const auto decimal = parse_double(text);
    if (!decimal) return "a number was expected";
    // The decimals count here, which are cut off then. No double is between the greatest long and 2^63.
    if (is_whole || !(*decimal >= static_cast<double>(least) && *decimal <= static_cast<double>(most)))
      return "it is out of range";
    value = *decimal >= 0x1p63 ? most : static_cast<std::int64_t>(*decimal);
  }
  if (value < least || value > most) return "it is out of range";
  values.integers.push_back(value);
  return std::nullopt;
}

Fault append_decimal(FieldValues& values, std::string_view text) {
  const FieldType type = values.type;
  std::optional<double> value = parse_double(text);
  if (!value) return "a number was expected";
  if (type == FieldType::float_) value = static_cast<double>(parse_float(text).value_or(0.0F));
  if (text == "-0") value = 0.0;  // an integer in JSON, which has no negative zero
  if (type == FieldType::half_float) value = round_to_half(*value);
  if (!std::isfinite(*value)) return "it is out of range";
  values.doubles.push_back(*value);
  return std::nullopt;
}

Fault append_keyword(const Field& field, FieldValues& values, std::string_view text) {
  // A string never has more UTF-16 units than bytes.
  if (field.ignore_above && static_cast<std::int64_t>(text.size()) > *field.ignore_above &&
      utf16_length(text) > *field.ignore_above)
    return std::nullopt;
  if (text.size() > k_longest_term_bytes && (field.indexed || field.doc_values))
    return "a keyword may have " + std::to_string(k_longest_term_bytes) + " bytes";
  values.strings.push_back(json::java_utf8(text));
  return std::nullopt;
}

/// `slow` handles what std::from_chars does not: a plus sign, and numbers that are too large or too small.
template <class Float>
std::optional<Float> parse_decimal(std::string_view text, Float (*slow)(const char*, char**)) {
  Float value = 0;
  const char* behind = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), behind, value);
  if (error == std::errc() && end == behind && std::isfinite(value)) return value;
  // "nan" and "inf" are not numbers here.
  if (text.empty() || text.find_first_not_of("+-.0123456789eE") != std::string_view::npos) return std::nullopt;
  const std::string whole(text);
  char* stop = nullptr;
  value = slow(whole.c_str(), &stop);
  return stop == whole.c_str() + whole.size() ? std::optional(value) : std::nullopt;
}

template <class Integer>
constexpr WholeRange k_range{std::numeric_limits<Integer>::min(), std::numeric_limits<Integer>::max()};

}  // namespace

WholeRange range_of(FieldType type) {
  if (type == FieldType::integer) return k_range<std::int32_t>;
  if (type == FieldType::short_) return k_range<std::int16_t>;
  return type == FieldType::byte ? k_range<std::int8_t> : k_range<std::int64_t>;
}

double round_to_half(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  int exponent = 0;
  std::frexp(value, &exponent);
  // Half floats have 11 significant bits; below 2^-14 their step is 2^-24.
  const double step = std::ldexp(1.0, std::max(exponent - 11, -24));
  const double rounded = std::nearbyint(value / step) * step;
  return std::abs(rounded) > k_largest_half_float ? std::copysign(std::numeric_limits<double>::infinity(), value)
                                                  : rounded;
}

std::int64_t utf16_length(std::string_view text) {
  std::int64_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80U) units += byte >= 0xF0U ? 2 : 1;
  }
  return units;
}

std::optional<double> parse_double(std::string_view text) {
  return parse_decimal<double>(text, std::strtod);
}

std::optional<float> parse_float(std::string_view text) {
  return parse_decimal<float>(text, std::strtof);
}

std::optional<std::string> append_value(const Field& field, FieldValues& values, const rest::JsonToken& token) {
  const std::string_view text = token.text;
  const FieldType type = values.type;
  const bool flag = token.kind == Kind::true_ || token.kind == Kind::false_;
  switch (type) {
    case FieldType::text:
      values.strings.push_back(json::java_utf8(text));
      return std::nullopt;
    case FieldType::keyword:
      return append_keyword(field, values, text);
    case FieldType::boolean:
      if (token.kind == Kind::number || (text != "true" && text != "false" && !text.empty()))
        return "true or false was expected";
      values.integers.push_back(text == "true" ? 1 : 0);
      return std::nullopt;
    case FieldType::date: {
      const auto time = parse_date(text, field.format);
      if (!time) return "a date was expected";
      values.integers.push_back(*time);
      return std::nullopt;
    }
    case FieldType::binary:
    case FieldType::object:
    case FieldType::dense_vector:
      return std::nullopt;
    default:
      if (flag) return "a number was expected";
      if (text.empty()) return std::nullopt;
      return is_whole_number(type) ? append_whole_number(values, text) : append_decimal(values, text);
  }
}

}  // namespace sightline::elastic
