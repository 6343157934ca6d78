#include "server/elastic/embedded/search/literals.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/search/shard_view.h"

namespace sightline::elastic {
namespace {

double any_number(const Literal& value) {
  const auto number = value.kind == Literal::Kind::boolean ? std::nullopt : parse_double(value.text);
  if (!number) refuse_query("For input string: \"" + value.text + "\"");
  return *number;
}

}  // namespace

WholeNumber whole_number(const Literal& value) {
  std::int64_t number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, code] = std::from_chars(value.text.data(), end, number);
  if (code == std::errc() && stop == end) return {number, false, false};
  const double decimal = any_number(value);
  const double floor = std::floor(decimal);
  if (floor >= 0x1p63) return {std::numeric_limits<std::int64_t>::max(), false, true};
  if (floor < -0x1p63) return {std::numeric_limits<std::int64_t>::min(), false, true};
  return {static_cast<std::int64_t>(floor), floor != decimal, false};
}

WholeNumber whole_bound(FieldType type, const Literal& value) {
  const WholeNumber number = whole_number(value);
  const auto [least, most] = range_of(type);
  if (number.beyond || number.floor < least || number.floor > most)
    refuse_query("Value [" + value.text + "] is out of range for " + to_string(type));
  return number;
}

double decimal_number(FieldType type, const Literal& value) {
  const double number = any_number(value);
  if (type == FieldType::float_) return static_cast<double>(static_cast<float>(number));
  return type == FieldType::half_float ? round_to_half(number) : number;
}

bool boolean_value(const Literal& value) {
  if (value.text == "true") return true;
  if (value.text == "false") return false;
  refuse_query("Can't parse boolean value [" + value.text + "], expected [true] or [false]");
}

std::int64_t date_value(const Field& field, const Literal& value, bool round_up) {
  if (const auto date = parse_date(value.text, field.format, round_up)) return *date;
  throw ShardRefused{"parse_exception", "failed to parse date field [" + value.text + "] with format [" +
                                            (field.format.empty() ? std::string(k_default_date_format) : field.format) +
                                            "]"};
}

}  // namespace sightline::elastic
