#include "server/elastic/rest/json_view.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace sightline::elastic {
namespace {

/// What is expected, and what is there.
ElasticError wrong_value(const JsonView& value, std::string_view name, const char* expected) {
  return {400, value.is_string() ? "number_format_exception" : "x_content_parse_exception",
          position_text(value) + " [" + std::string(name) + "] " + expected + " was expected but found " +
              (value.is_string() ? "\"" + shortened(value.text()) + "\"" : token_name(value))};
}

}  // namespace

const char* token_name(const JsonView& value) {
  return rest::event_name(value.kind());
}

std::string position_text(const JsonView& value) {
  const auto [line, column] = value.position();
  return "[" + std::to_string(line) + ":" + std::to_string(column) + "]";
}

ElasticError parsing_exception(const JsonView& where, const std::string& reason) {
  return {400, "parsing_exception", position_text(where) + " " + reason};
}

std::int64_t read_integer(const JsonView& value, std::string_view name) {
  const std::string_view text = value.text();
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool scalar = value.is_number() || value.is_string();
  if (scalar && code == std::errc() && end == text.data() + text.size()) return number;
  if (scalar && code != std::errc::result_out_of_range) {
    double decimal = 0;
    const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), decimal);
    if (fault == std::errc() && stop == text.data() + text.size() && std::fabs(decimal) < 9e15) {
      return static_cast<std::int64_t>(decimal);
    }
  }
  refuse(wrong_value(value, name, "an integer"));
}

double read_double(const JsonView& value, std::string_view name) {
  const std::string_view text = value.text();
  double number = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code == std::errc::result_out_of_range) {
    // Too large to be told from infinity, or too small to be told from zero.
    const bool small = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    number = std::copysign(small ? 0 : std::numeric_limits<double>::infinity(), text[0] == '-' ? -1.0 : 1.0);
    code = std::errc();
  }
  if ((value.is_number() || value.is_string()) && code == std::errc() && end == text.data() + text.size()) {
    return number;
  }
  refuse(wrong_value(value, name, "a number"));
}

bool read_bool(const JsonView& value, std::string_view name) {
  if (value.is_bool()) return value.kind() == JsonView::Kind::true_;
  if (value.is_string()) {
    // "" is false, as in Elasticsearch.
    if (value.text() == "true" || value.text() == "false" || value.text().empty()) return value.text() == "true";
    refuse(illegal_argument("Failed to parse value [" + shortened(value.text()) +
                            "] as only [true] or [false] are allowed."));
  }
  refuse(wrong_value(value, name, "a boolean"));
}

std::string read_text(const JsonView& value, std::string_view name) {
  if (value.is_scalar()) return std::string(value.text());
  refuse(wrong_value(value, name, "a string"));
}

std::string read_filled_text(const JsonView& value, std::string_view name) {
  std::string text = read_text(value, name);
  if (text.empty()) refuse(illegal_argument("[" + std::string(name) + "] must not be empty"));
  return text;
}

}  // namespace sightline::elastic
