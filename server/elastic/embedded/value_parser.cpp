#include "server/elastic/embedded/value_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/json/utf8.h"
#include "server/elastic/embedded/date.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;

/// Lucene's longest term.
constexpr std::size_t k_longest_term_bytes = 32766;
constexpr float k_largest_half_float = 65519.996F;  // what is above rounds to infinity

struct Range {
  std::int64_t least, most;
  const char* java_name;
};

Range range_of(FieldType type) {
  switch (type) {
    case FieldType::integer:
      return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max(), "int"};
    case FieldType::short_:
      return {std::numeric_limits<std::int16_t>::min(), std::numeric_limits<std::int16_t>::max(), "short"};
    case FieldType::byte:
      return {std::numeric_limits<std::int8_t>::min(), std::numeric_limits<std::int8_t>::max(), "byte"};
    default:
      return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), "long"};
  }
}

ValueError value_error(std::string_view preview, const char* type, std::string reason) {
  return {{400, type, std::move(reason)}, std::string(preview)};
}

/// An error that Elasticsearch's JSON parser raises: twice wrapped, and with a position.
ValueError parser_error(const rest::JsonTape& tape, const rest::JsonToken& token, const char* type,
                        const std::string& what) {
  const auto [line, column] = rest::line_and_column(tape.text(), token.end);
  const std::string reason = what + "\n at [Source: (byte[])\"" + std::string(tape.text().substr(0, 500)) +
                             "\"; line: " + std::to_string(line) + ", column: " + std::to_string(column) +
                             "]";
  ElasticError cause{400, "x_content_parse_exception",
                     "[" + std::to_string(line) + ":" + std::to_string(column) + "] " + reason};
  cause.cause_type = type;
  cause.cause_reason = reason;
  return {std::move(cause), std::string(token.text)};
}

/// What a truth value is where a number belongs.
std::optional<ValueError> not_numeric(const rest::JsonTape& tape, const rest::JsonToken& token) {
  if (token.kind != Kind::true_ && token.kind != Kind::false_) return std::nullopt;
  const std::string name = token.kind == Kind::true_ ? "VALUE_TRUE" : "VALUE_FALSE";
  return parser_error(tape, token, "json_parse_exception",
                      "Current token (" + name + ") not numeric, can not use numeric value accessors");
}

std::optional<ValueError> append_whole_number(FieldValues& values, const rest::JsonTape& tape,
                                              const rest::JsonToken& token) {
  if (auto error = not_numeric(tape, token)) return error;
  const std::string_view text = token.text;
  const bool coerce = values.field->coerce;
  if (token.kind == Kind::string) {
    if (!coerce) return value_error(text, "illegal_argument_exception", "Long value passed as String");
    if (text.empty()) return std::nullopt;  // an empty string is no value
  }
  const Range range = range_of(values.field->type);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range || (error == std::errc() && end == text.data() + text.size() &&
                                                  (value < range.least || value > range.most))) {
    if (values.field->type == FieldType::short_ || values.field->type == FieldType::byte) {
      return value_error(text, "illegal_argument_exception",
                         "Value [" + std::string(text) + "] is out of range for a " + range.java_name);
    }
    if (token.kind == Kind::string) {
      return value_error(text, "illegal_argument_exception",
                         "Value [" + std::string(text) + "] is out of range for " +
                             (values.field->type == FieldType::long_ ? "a long" : "an integer"));
    }
    return parser_error(tape, token, "input_coercion_exception",
                        "Numeric value (" + std::string(text) + ") out of range of " + range.java_name +
                            " (" + std::to_string(range.least) + " - " + std::to_string(range.most) + ")");
  }
  if (error == std::errc() && end == text.data() + text.size()) {
    values.integers.push_back(value);
    return std::nullopt;
  }
  const auto decimal = parse_double(text);
  if (!decimal) {
    return value_error(text, "illegal_argument_exception", "For input string: \"" + std::string(text) + "\"");
  }
  // As doubles both ends are powers of two, so the comparison is exact.
  const double cut = std::trunc(*decimal);
  if (!(cut >= static_cast<double>(range.least) && cut <= static_cast<double>(range.most) && cut < 0x1p63)) {
    return value_error(text, "illegal_argument_exception",
                       "Value [" + std::string(text) + "] is out of range for a " + range.java_name);
  }
  if (!coerce && cut != *decimal) {
    return value_error(
        text, "illegal_argument_exception",
        std::string(text) + " cannot be converted to " + range.java_name + " without data loss");
  }
  values.integers.push_back(static_cast<std::int64_t>(cut));
  return std::nullopt;
}

/// Rounds to IEEE half precision, ties to even.
double round_to_half(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  // Half floats have 11 significant bits; below 2^-14 their step stays 2^-24.
  const double step = std::ldexp(1.0, std::max(exponent - 11, -24));
  return std::nearbyint(value / step) * step;
}

std::optional<ValueError> append_decimal(FieldValues& values, const rest::JsonTape& tape,
                                         const rest::JsonToken& token) {
  const FieldType type = values.field->type;
  if (auto error = not_numeric(tape, token)) return error;
  const std::string_view text = token.text;
  if (token.kind == Kind::string && text.empty() && values.field->coerce) return std::nullopt;
  std::optional<double> value = parse_double(text);
  if (text == "-0") value = 0.0;  // an integer, which has no sign there
  if (!value) {
    for (const char* name : {"NaN", "Infinity", "-Infinity"}) {
      if (text == name) {
        return value_error(
            text, "illegal_argument_exception",
            std::string("[") + to_string(type) + "] supports only finite values, but got [" + name + "]");
      }
    }
    return value_error(text, "number_format_exception", "For input string: \"" + std::string(text) + "\"");
  }
  if (type == FieldType::float_) value = static_cast<double>(parse_float(text).value_or(0.0F));
  const bool finite =
      std::isfinite(*value) && (type != FieldType::half_float || std::abs(*value) <= k_largest_half_float);
  if (!finite) {
    const std::string shown =
        std::isinf(*value) ? (*value < 0 ? "-Infinity" : "Infinity") : java_float(static_cast<float>(*value));
    return value_error(
        std::isinf(*value) ? std::string_view(shown) : text, "illegal_argument_exception",
        std::string("[") + to_string(type) + "] supports only finite values, but got [" + shown + "]");
  }
  if (type == FieldType::half_float) value = round_to_half(*value);
  values.doubles.push_back(*value);
  return std::nullopt;
}

std::optional<ValueError> append_boolean(FieldValues& values, const rest::JsonTape& tape,
                                         const rest::JsonToken& token) {
  if (token.kind == Kind::number) {
    const bool whole = token.text.find_first_of(".eE") == std::string_view::npos;
    return parser_error(tape, token, "json_parse_exception",
                        std::string("Current token (") + (whole ? "VALUE_NUMBER_INT" : "VALUE_NUMBER_FLOAT") +
                            ") not of boolean type");
  }
  const std::string_view text = text_of(token);
  if (text != "true" && text != "false" && !text.empty()) {
    return value_error(
        text, "illegal_argument_exception",
        "Failed to parse value [" + std::string(text) + "] as only [true] or [false] are allowed.");
  }
  values.integers.push_back(text == "true" ? 1 : 0);
  return std::nullopt;
}

std::optional<ValueError> append_date(FieldValues& values, std::string_view text) {
  const std::string& format = values.field->format;
  const auto time = parse_date(text, format);
  if (!time) {
    ValueError error = value_error(text, "illegal_argument_exception",
                                   "failed to parse date field [" + std::string(text) + "] with format [" +
                                       (format.empty() ? std::string(k_default_date_format) : format) + "]");
    error.cause.cause_type = "date_time_parse_exception";
    error.cause.cause_reason = "Failed to parse with all enclosed parsers";
    return error;
  }
  values.integers.push_back(*time);
  return std::nullopt;
}

/// UTF-16 units: what Java calls the length of a string.
std::int64_t utf16_length(std::string_view text) {
  std::int64_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80U) units += byte >= 0xF0U ? 2 : 1;
  }
  return units;
}

std::optional<ValueError> append_keyword(FieldValues& values, std::string_view text) {
  const Field& field = *values.field;
  // A string never has more UTF-16 units than bytes.
  if (field.ignore_above && static_cast<std::int64_t>(text.size()) > *field.ignore_above &&
      utf16_length(text) > *field.ignore_above) {
    values.ignored = true;
    return std::nullopt;
  }
  if (text.size() > k_longest_term_bytes && (field.indexed || field.doc_values)) {
    std::string prefix;
    for (std::size_t i = 0; i < 30; ++i) {
      prefix += (i == 0 ? "" : ", ") + std::to_string(static_cast<int>(static_cast<signed char>(text[i])));
    }
    return value_error(
        text, "illegal_argument_exception",
        "Document contains at least one immense term in field=\"" + field.path +
            "\" (whose UTF8 encoding is longer than the max length 32766), all of which were skipped. Please "
            "correct the analyzer to not produce such terms. The prefix of the first immense term is: '[" +
            prefix + "]...'");
  }
  values.strings.push_back(json::java_utf8(text));
  return std::nullopt;
}

}  // namespace

std::string_view text_of(const rest::JsonToken& token) {
  return token.text;
}

std::optional<double> parse_double(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // too large, or too small to tell from zero
    const std::size_t exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos
                          ? exponent + 1 < text.size() && text[exponent + 1] == '-'
                          : text.find_first_of("123456789") > text.find('.');
    if (tiny) return 0.0;
    return text.front() == '-' ? -std::numeric_limits<double>::infinity()
                               : std::numeric_limits<double>::infinity();
  }
  if (error != std::errc() || !std::isfinite(value))
    return std::nullopt;  // "nan" and "inf" are not numbers here
  return value;
}

std::optional<float> parse_float(std::string_view text) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && std::isfinite(value)) return value;
  const auto wide = parse_double(text);
  if (!wide) return std::nullopt;
  if (std::abs(*wide) < 1.0) return static_cast<float>(*wide);  // below float32's range: a subnormal or zero
  return *wide < 0 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
}

std::string java_float(float value) {
  std::array<char, 48> text{};
  const float size = std::abs(value);
  const bool plain = size == 0.0F || (size >= 1e-3F && size < 1e7F);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::string out(text.data(), std::to_chars(text.data(), text.data() + text.size(), value, format).ptr);
  if (plain) return out.find('.') == std::string::npos ? out + ".0" : out;
  const std::size_t e = out.find('e');
  std::string mantissa = out.substr(0, e);
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  return mantissa + "E" + std::to_string(std::stoi(out.substr(e + 1)));
}

std::optional<ValueError> append_value(FieldValues& values, const rest::JsonTape& tape, std::size_t index) {
  const rest::JsonToken& token = tape[index];
  switch (values.field->type) {
    case FieldType::text:
      values.strings.push_back(json::java_utf8(text_of(token)));
      return std::nullopt;
    case FieldType::keyword:
      return append_keyword(values, text_of(token));
    case FieldType::boolean:
      return append_boolean(values, tape, token);
    case FieldType::date:
      return append_date(values, text_of(token));
    case FieldType::binary:
    case FieldType::object:
    case FieldType::dense_vector:
      return std::nullopt;
    default:
      break;
  }
  return is_whole_number(values.field->type) ? append_whole_number(values, tape, token)
                                             : append_decimal(values, tape, token);
}

void append_null_value(FieldValues& values) {
  const Field& field = *values.field;
  const std::string& text = *field.null_value;
  if (field.type == FieldType::keyword) values.strings.push_back(text);
  if (field.type == FieldType::boolean) values.integers.push_back(text == "true" ? 1 : 0);
  if (field.type == FieldType::date) values.integers.push_back(parse_date(text, field.format).value_or(0));
  if (is_whole_number(field.type))
    values.integers.push_back(static_cast<std::int64_t>(parse_double(text).value_or(0)));
  if (is_decimal_number(field.type)) values.doubles.push_back(parse_double(text).value_or(0));
}

}  // namespace sightline::elastic
