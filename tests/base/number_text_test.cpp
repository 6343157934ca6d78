#include "base/number_text.h"

#include <cstdint>
#include <doctest/doctest.h>

using sightline::number_from;

TEST_CASE("a number is read from a whole text, or not at all") {
  CHECK(number_from<int>("-12") == -12);
  CHECK(number_from<std::uint32_t>("4294967295") == 4294967295U);
  CHECK(number_from<double>("1.5e3") == 1500.0);
  for (const char* none : {"", " 1", "1 ", "+1", "1x", "x", "1.5", "2147483648"}) {
    CAPTURE(none);
    CHECK_FALSE(number_from<int>(none).has_value());
  }
  CHECK_FALSE(number_from<std::uint32_t>("-1").has_value());
}
