#include "server/elastic/embedded/search/literals.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/search/date_math.h"
#include "server/elastic/embedded/search/shard_view.h"

namespace sightline::elastic {
namespace {

double any_number(const Literal& value) {
  const char* begin = value.text.data();
  const char* end = begin + value.text.size();
  if (begin != end && *begin == '+') ++begin;
  double number = 0;
  const auto [stop, code] = std::from_chars(begin, end, number);
  if (value.kind != Literal::Kind::boolean && begin != end && stop == end && !std::isnan(number)) {
    if (code == std::errc()) return number;
    // Out of range: too large, or too small to tell from zero.
    const bool small =
        value.text.find("e-") != std::string::npos || value.text.find("E-") != std::string::npos;
    return small ? 0.0 : std::copysign(std::numeric_limits<double>::infinity(), *begin == '-' ? -1.0 : 1.0);
  }
  refuse_query_because("For input string: \"" + value.text + "\"", "number_format_exception");
}

/// The nearest number of IEEE half precision (11 significant bits, exponents from -14 to 15).
double to_half(double number) {
  if (number == 0 || !std::isfinite(number)) return number;
  int exponent;
  std::frexp(number, &exponent);
  const double step = std::ldexp(1.0, std::max(exponent - 11, -24));
  const double rounded = std::nearbyint(number / step) * step;
  return std::fabs(rounded) > 65504 ? std::copysign(std::numeric_limits<double>::infinity(), number)
                                    : rounded;
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
  const auto fits = [&](std::int64_t least, std::int64_t greatest) {
    return !number.beyond && number.floor >= least && number.floor <= greatest;
  };
  const char* name = nullptr;
  if (type == FieldType::long_ && number.beyond) name = "a long";
  if (type == FieldType::integer && !fits(INT32_MIN, INT32_MAX)) name = "an integer";
  if (type == FieldType::short_ && !fits(INT16_MIN, INT16_MAX)) name = "a short";
  if (type == FieldType::byte && !fits(INT8_MIN, INT8_MAX)) name = "a byte";
  if (name) refuse_query_because("Value [" + value.text + "] is out of range for " + name);
  return number;
}

double decimal_number(FieldType type, const Literal& value) {
  const double number = any_number(value);
  if (type == FieldType::float_) return static_cast<double>(static_cast<float>(number));
  return type == FieldType::half_float ? to_half(number) : number;
}

bool boolean_value(const Literal& value) {
  if (value.text == "true") return true;
  if (value.text == "false") return false;
  refuse_query_because("Can't parse boolean value [" + value.text + "], expected [true] or [false]");
}

std::int64_t date_value(const Field& field, const Literal& value, const std::string& format, bool round_up,
                        std::int64_t now, std::int64_t offset_ms) {
  std::string used = format.empty() ? field.format : format;
  if (used.empty()) used = k_default_date_format;
  if (const auto date = parse_date_math(value.text, used, round_up, now, offset_ms)) return *date;
  const std::string what = "failed to parse date field [" + value.text + "] with format [" + used + "]";
  throw ShardRefused{"parse_exception", what + ": [" + what + "]", "illegal_argument_exception", what};
}

}  // namespace sightline::elastic
