#include "base/float_text.h"

#include <bit>
#include <charconv>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <vector>

using namespace sightline;

TEST_CASE("every printed float reads back as the same float") {
  std::mt19937 random(7);
  for (int i = 0; i < 100000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!(value - value == 0)) continue;  // infinities and NaN have no JSON text
    std::string text;
    append_float(text, value);
    float read = 0;
    std::from_chars(text.data(), text.data() + text.size(), read);
    REQUIRE(std::bit_cast<std::uint32_t>(read) == std::bit_cast<std::uint32_t>(value));
  }
}

TEST_CASE("the shortest text is chosen") {
  std::string text;
  append_float_array(text, std::vector<float>{0.1f, -0.25f, 1.0f, 0.0f});
  CHECK(text == "[0.1,-0.25,1,0]");
  text.clear();
  append_float_array(text, {});
  CHECK(text == "[]");
}
