#include "server/elastic/rest/json_view.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

namespace sightline::elastic {
namespace {

ElasticError number_format(const JsonView& value, std::string_view name, const char* kind) {
  if (value.is_string())
    return {400, "number_format_exception", "For input string: \"" + std::string(value.text()) + "\""};
  return content_exception(
      value, "[" + std::string(name) + "] " + kind + " expected but found " + token_name(value));
}

/// Edits from one word to the other as a share of the longer, taken from one.
double edit_likeness(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  const auto longest = static_cast<double>(std::max(a.size(), b.size()));
  return longest == 0 ? 1 : 1.0 - static_cast<double>(row[b.size()]) / longest;
}

}  // namespace

const char* token_name(const JsonView& value) {
  switch (value.kind()) {
    case JsonView::Kind::null:
      return "VALUE_NULL";
    case JsonView::Kind::true_:
    case JsonView::Kind::false_:
      return "VALUE_BOOLEAN";
    case JsonView::Kind::number:
      return "VALUE_NUMBER";
    case JsonView::Kind::string:
      return "VALUE_STRING";
    case JsonView::Kind::key:
      return "FIELD_NAME";
    case JsonView::Kind::array:
      return "START_ARRAY";
    case JsonView::Kind::object:
      return "START_OBJECT";
  }
  return "";
}

std::string position_text(const JsonView& value) {
  const auto [line, column] = value.position();
  return "[" + std::to_string(line) + ":" + std::to_string(column) + "]";
}

ElasticError parsing_exception(const JsonView& where, std::string reason) {
  ElasticError error{400, "parsing_exception", std::move(reason)};
  std::tie(error.line, error.column) = where.position();
  return error;
}

ElasticError content_exception(const JsonView& where, const std::string& reason) {
  return {400, "x_content_parse_exception", position_text(where) + " " + reason};
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
  refuse(number_format(value, name, "an integer was"));
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
  refuse(number_format(value, name, "a number was"));
}

bool read_bool(const JsonView& value, std::string_view name) {
  if (value.is_bool()) return value.kind() == JsonView::Kind::true_;
  if (value.is_string()) {
    // "" is false, as in Elasticsearch.
    if (value.text() == "true" || value.text() == "false" || value.text().empty())
      return value.text() == "true";
    refuse(illegal_argument("Failed to parse value [" + shortened(value.text()) +
                            "] as only [true] or [false] are allowed."));
  }
  refuse(content_exception(
      value, "[" + std::string(name) + "] a boolean was expected but found " + token_name(value)));
}

std::string read_text(const JsonView& value, std::string_view name) {
  if (value.is_scalar()) return std::string(value.text());
  refuse(content_exception(
      value, "[" + std::string(name) + "] a string was expected but found " + token_name(value)));
}

std::string read_filled_text(const JsonView& value, std::string_view name) {
  std::string text = read_text(value, name);
  if (text.empty()) refuse(illegal_argument("[" + std::string(name) + "] must not be empty"));
  return text;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string_view>& known) {
  std::vector<std::pair<double, std::string_view>> near;
  for (const std::string_view candidate : known) {
    if (name.size() > 2 * candidate.size()) continue;  // less alike than half, and perhaps very long
    const double like = edit_likeness(name, candidate);
    if (like > 0.5) near.emplace_back(like, candidate);
  }
  if (near.empty()) return {};
  std::sort(near.begin(), near.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (near.size() == 1) return " did you mean [" + std::string(near[0].second) + "]?";
  std::string out = " did you mean any of [";
  for (std::size_t i = 0; i < near.size(); ++i) {
    if (i != 0) out += ", ";
    out += near[i].second;
  }
  return out + "]?";
}

}  // namespace sightline::elastic
