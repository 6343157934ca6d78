#include "ingest/field_types.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>

#include "base/ascii_lower.h"
#include "base/json/number.h"
#include "base/json/reader.h"
#include "base/json/writer.h"
#include "base/number_text.h"
#include "base/trimmed.h"

namespace sightline::ingest {
namespace {

constexpr std::string_view k_blanks = " \t\r\n";

constexpr std::array<const char*, 5> k_type_names{"text", "integer", "decimal", "boolean", "date"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_json_number(std::string_view text) {
  if (text.empty() || !(is_digit(text.front()) || text.front() == '-')) return false;
  json::Scanner scanner(text, json::Limits{});
  json::Place place;
  return scanner.number(place) && place.end == text.size();
}

/// A number in JSON's grammar: `.5` and `-.5` get their zero, `5.` loses its point. Anything else comes back
/// as it is.
std::string completed(std::string_view text) {
  std::string number(text);
  const std::size_t first = number.starts_with('-') ? 1 : 0;
  if (number.size() <= first + 1) return number;
  if (number[first] == '.' && is_digit(number[first + 1])) number.insert(first, 1, '0');
  if (number.back() == '.' && all_digits(number.substr(first, number.size() - first - 1))) number.pop_back();
  return number;
}

bool has_leading_zero(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && is_digit(text[1]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
}

/// The digits of `text` from `at` on, exactly `count` of them, as a number.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count || !all_digits(text.substr(at, count))) return std::nullopt;
  return number_from<int>(text.substr(at, count));
}

/// What may follow a date: `T12:30`, `T12:30:05`, `T12:30:05.123`, each with `Z`, `+02:00`, or nothing.
bool is_time(std::string_view text) {
  if (!text.starts_with('T')) return false;
  const auto hour = digits(text, 1, 2), minute = digits(text, 4, 2);
  if (!hour || *hour > 23 || text[3] != ':' || !minute || *minute > 59) return false;
  text.remove_prefix(6);
  if (text.starts_with(':')) {
    const auto second = digits(text, 1, 2);
    if (!second || *second > 59) return false;
    text.remove_prefix(3);
    if (text.starts_with('.')) {
      const std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
      if (end < 2 || end > 10) return false;  // nanoseconds at most
      text.remove_prefix(end);
    }
  }
  if (text.empty() || text == "Z") return true;
  if (text.front() != '+' && text.front() != '-') return false;
  const auto hours = digits(text, 1, 2), minutes = digits(text, 4, 2);
  return text.size() == 6 && text[3] == ':' && hours && *hours <= 18 && minutes && *minutes <= 59;
}

bool is_date(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return false;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() && (text.size() == 10 || is_time(text.substr(10)));
}

ValueKind kind_of_number(const std::string& number) {
  const json::Number value = json::number_value(number);
  if (value.kind == json::Number::Kind::too_large) return ValueKind::text;
  const std::size_t sign = number.starts_with('-') ? 1 : 0;
  if (!all_digits(std::string_view(number).substr(sign))) return ValueKind::decimal;
  return value.kind == json::Number::Kind::signed_integer ? ValueKind::whole : ValueKind::beyond_long;
}

/// Without zeros in front: "007" becomes "7", "-00.5" "-0.5".
std::string without_leading_zeros(std::string_view text) {
  std::string number(text);
  const std::size_t first = number.starts_with('-') ? 1 : 0;
  while (number.size() > first + 1 && number[first] == '0' && is_digit(number[first + 1])) number.erase(first, 1);
  return number;
}

std::optional<std::string> as_number(std::string_view text, bool integer) {
  const std::string number = completed(without_leading_zeros(trimmed(text, k_blanks)));
  if (!is_json_number(number)) return std::nullopt;
  const ValueKind kind = kind_of_number(number);
  const bool whole = kind == ValueKind::whole || kind == ValueKind::beyond_long;
  if (integer) return kind == ValueKind::whole ? std::optional(number) : std::nullopt;
  if (kind == ValueKind::text) return std::nullopt;
  return whole ? number + ".0" : number;
}

std::optional<std::string> as_boolean(std::string_view text) {
  const std::string word = ascii_lower(trimmed(text, k_blanks));
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (is_one_of({"true", "yes", "1"})) return "true";
  if (is_one_of({"false", "no", "0"})) return "false";
  return std::nullopt;
}

}  // namespace

const char* to_string(FieldType type) {
  return k_type_names[static_cast<std::size_t>(type)];
}

std::optional<FieldType> field_type_named(std::string_view name) {
  const auto found = std::find(k_type_names.begin(), k_type_names.end(), name);
  if (found == k_type_names.end()) return std::nullopt;
  return static_cast<FieldType>(found - k_type_names.begin());
}

ValueKind kind_of_text(std::string_view text) {
  text = trimmed(text, k_blanks);
  if (has_leading_zero(text)) return ValueKind::leading_zero;
  if (const std::string number = completed(text); is_json_number(number)) return kind_of_number(number);
  if (const std::string word = ascii_lower(text); word == "true" || word == "false") return ValueKind::boolean;
  return is_date(text) ? ValueKind::date : ValueKind::text;
}

void FieldSurvey::add(ValueKind kind, std::string_view value, std::size_t line) {
  Example& first = firsts_[static_cast<std::size_t>(kind)];
  if (first.line == 0) first = {std::string(value), line};
  if (kind != ValueKind::whole) return;
  const auto number_in = [](std::string_view text) {
    return json::number_value(completed(trimmed(text, k_blanks))).integer;
  };
  const auto number = number_in(value);
  if (smallest_.line == 0 || number < number_in(smallest_.value)) smallest_ = {std::string(value), line};
  if (largest_.line == 0 || number > number_in(largest_.value)) largest_ = {std::string(value), line};
}

bool FieldSurvey::empty() const {
  return std::all_of(firsts_.begin(), firsts_.end(), [](const Example& example) { return example.line == 0; });
}

FieldType FieldSurvey::type() const {
  const auto only = [&](std::initializer_list<ValueKind> kinds) {
    std::size_t there = 0, all = 0;
    for (const Example& example : firsts_) all += example.line > 0 ? 1 : 0;
    for (const ValueKind kind : kinds) there += has(kind) ? 1 : 0;
    return all > 0 && there == all;
  };
  if (only({ValueKind::whole})) return FieldType::integer;
  if (has(ValueKind::decimal) && only({ValueKind::whole, ValueKind::beyond_long, ValueKind::decimal}))
    return FieldType::decimal;
  if (only({ValueKind::boolean})) return FieldType::boolean;
  if (only({ValueKind::date})) return FieldType::date;
  return FieldType::text;
}

std::optional<FieldSurvey::Example> FieldSurvey::reason_for_text() const {
  if (type() != FieldType::text) return std::nullopt;
  for (const ValueKind kind : {ValueKind::leading_zero, ValueKind::beyond_long}) {
    if (has(kind) && !has(ValueKind::text)) return first(kind);
  }
  std::size_t kinds = 0;
  Example last;
  for (const Example& example : firsts_) {
    if (example.line == 0) continue;
    ++kinds;
    if (example.line > last.line) last = example;
  }
  if (kinds < 2) return std::nullopt;
  return has(ValueKind::text) ? first(ValueKind::text) : last;
}

std::optional<std::string> json_of(std::string_view value, FieldType type) {
  switch (type) {
    case FieldType::text:
      return json::json_string(value);
    case FieldType::integer:
      return as_number(value, true);
    case FieldType::decimal:
      return as_number(value, false);
    case FieldType::boolean:
      return as_boolean(value);
    case FieldType::date:
      if (kind_of_text(value) != ValueKind::date) return std::nullopt;
      return json::json_string(trimmed(value, k_blanks));
  }
  return std::nullopt;
}

}  // namespace sightline::ingest
