// The values of the numbers of a JSON text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::json {

/// A number's value, of the narrowest kind that holds it.
struct Number {
  enum class Kind : std::uint8_t {
    signed_integer,    ///< in `integer`
    unsigned_integer,  ///< beyond int64; in `natural`
    real,              ///< in `real`
    too_large,         ///< beyond what a double can hold
  };
  Kind kind = Kind::real;
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  double real = 0;
};

/// The value of `written`, a number of JSON's grammar. An integer stays an integer if it fits 64 bits. Any other number
/// is the nearest double; one that is too small becomes a denormal, or a zero with its sign. Takes linear time,
/// whatever the number of digits and the exponent.
Number number_value(std::string_view written);

/// The same as a double, also if it is an integer; nothing if it is too large for one.
std::optional<double> double_value(std::string_view written);

/// The number as Elasticsearch (Java) prints it after parsing: an integer with all its digits, any other number as
/// Double.toString ("1.5" for 1.50, "100000.0" for 1e5, "1.0E-7", "Infinity").
std::string java_number_text(std::string_view written);

}  // namespace sightline::json
