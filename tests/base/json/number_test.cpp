#include "base/json/number.h"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>

namespace sightline::json {
namespace {

using Kind = Number::Kind;

std::string zeros(std::size_t count) {
  return std::string(count, '0');
}

TEST_CASE("integers stay integers as long as 64 bits hold them") {
  CHECK(number_value("0").integer == 0);
  CHECK(number_value("-0").kind == Kind::signed_integer);
  CHECK(number_value("-9223372036854775808").integer == std::numeric_limits<std::int64_t>::min());
  CHECK(number_value("9223372036854775807").kind == Kind::signed_integer);
  CHECK(number_value("9223372036854775808").kind == Kind::unsigned_integer);
  CHECK(number_value("18446744073709551615").natural == std::numeric_limits<std::uint64_t>::max());
  CHECK(number_value("18446744073709551616").kind == Kind::real);
  CHECK(number_value("18446744073709551616").real == 18446744073709551616.0);
  CHECK(number_value("-9223372036854775809").real == -9223372036854775808.0);
  CHECK(number_value("1" + zeros(308)).real == 1e308);
  CHECK(number_value("1" + zeros(309)).kind == Kind::too_large);
  CHECK(number_value("1.0").kind == Kind::real);
}

TEST_CASE("decimals become the nearest double") {
  CHECK(number_value("0.1").real == 0.1);
  CHECK(number_value("-2.5e-3").real == -0.0025);
  CHECK(number_value("1.7976931348623157e308").real == std::numeric_limits<double>::max());
  CHECK(number_value("1.7976931348623159e308").kind == Kind::too_large);
  CHECK(number_value("-1E400").kind == Kind::too_large);
  CHECK(number_value("123456789012345678901234567890").real == 123456789012345678901234567890.0);
  // Half of the way between two doubles, and a digit far behind that decides.
  const std::string half = "9007199254740993." + zeros(900);
  CHECK(number_value(half).real == 9007199254740992.0);
  CHECK(number_value(half + "1").real == 9007199254740994.0);
  CHECK(number_value(half + zeros(5000) + "1").real == 9007199254740994.0);
}

TEST_CASE("numbers that end RapidJSON's reader have their value here") {
  CHECK(number_value("0." + zeros(25) + "1e-323").real == 0);
  CHECK(number_value("0." + std::string(308, '3')).real == doctest::Approx(1.0 / 3));
  CHECK(number_value("0." + zeros(400) + "1").real == 0);
  CHECK(number_value("1." + std::string(1'000'000, '9')).real == 2);
}

TEST_CASE("what is too small for a double is denormal, or a zero with its sign") {
  CHECK(number_value("5e-324").real == std::numeric_limits<double>::denorm_min());
  CHECK(number_value("1e-310").real == 1e-310);
  CHECK(number_value("2e-324").real == 0);
  CHECK_FALSE(std::signbit(number_value("1e-400").real));
  CHECK(std::signbit(number_value("-1e-400").real));
  CHECK(std::signbit(number_value("-0.0").real));
  CHECK(number_value("1e-99999999999999999999999").real == 0);
}

TEST_CASE("exponents may be of any size, and digits make up for them") {
  CHECK(number_value("1e99999999999999999999999").kind == Kind::too_large);
  CHECK(number_value("0e999999999").real == 0);
  CHECK(number_value("0.000e+99999999999999999999").real == 0);
  CHECK(number_value("0." + zeros(100'000) + "15e100001").real == 1.5);
  CHECK(number_value("-25" + zeros(100'000) + "e-100001").real == -2.5);
  CHECK(number_value("1" + zeros(2'000'000) + "e-2000000").real == 1);
  CHECK(number_value("1e" + zeros(5000) + "5").real == 1e5);
  // Exponents that a reader of fewer digits takes for ones that the zeros make up for.
  CHECK(number_value("1" + zeros(200'000) + "e-2000000").real == 0);
  CHECK(number_value("0." + zeros(199'999) + "1e2000000").kind == Kind::too_large);
  // 2 to the power of 64, and five more.
  CHECK(number_value("1e18446744073709551621").kind == Kind::too_large);
  CHECK(number_value("1e-18446744073709551621").real == 0);
}

TEST_CASE("any number is had as a double") {
  CHECK(double_value("7") == 7.0);
  CHECK(double_value("18446744073709551615") == 18446744073709551616.0);
  CHECK(double_value("0.5") == 0.5);
  CHECK_FALSE(double_value("1e309").has_value());
}

TEST_CASE("numbers print as Java prints what Elasticsearch reads") {
  // Elasticsearch 9.2.0 answers these for `fields` of a text field.
  CHECK(java_number_text("12345678901234567890123") == "12345678901234567890123");
  CHECK(java_number_text("-0") == "0");
  CHECK(java_number_text("1e5") == "100000.0");
  CHECK(java_number_text("1.50") == "1.5");
  CHECK(java_number_text("1E400") == "Infinity");
  CHECK(java_number_text("1e-7") == "1.0E-7");
  CHECK(java_number_text("1e30") == "1.0E30");
  CHECK(java_number_text("99999999999999999999.0") == "1.0E20");
  CHECK(java_number_text("123456789012345678.9") == "1.2345678901234568E17");
  // Double.toString.
  CHECK(java_number_text("-1E400") == "-Infinity");
  CHECK(java_number_text("-0.0") == "-0.0");
  CHECK(java_number_text("0.001") == "0.001");
  CHECK(java_number_text("0.0001") == "1.0E-4");
  CHECK(java_number_text("1e7") == "1.0E7");
  CHECK(java_number_text("9999999.5") == "9999999.5");
  CHECK(java_number_text("0.1000000000000000055511151231257827") == "0.1");
}

}  // namespace
}  // namespace sightline::json
