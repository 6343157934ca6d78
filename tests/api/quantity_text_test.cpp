#include "server/quantity_text.h"

#include <doctest/doctest.h>
#include <string>

namespace sightline {
namespace {

using namespace std::chrono_literals;

TEST_CASE("sizes have a unit or are bytes") {
  struct Case {
    const char* text;
    std::uint64_t bytes;
  };
  for (const Case& one :
       {Case{"0", 0}, Case{"0MB", 0}, Case{"1048576", 1048576}, Case{"240B", 240}, Case{"1k", 1024},
        Case{"512kB", 512 << 10}, Case{"20MB", 20 << 20}, Case{"20mb", 20 << 20}, Case{" 20 MiB ", 20 << 20},
        Case{"3GB", std::uint64_t{3} << 30}, Case{"2TB", std::uint64_t{2} << 40}}) {
    CAPTURE(one.text);
    REQUIRE(size_from(one.text).ok());
    CHECK(*size_from(one.text) == one.bytes);
  }
  for (const char* bad : {"", "MB", "20XB", "-1MB", "1.5GB", "20MBx", "2 0MB", "0x10", "1e3", "20iB", "20bb"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(size_from(bad).ok());
    CHECK(size_from(bad).error().message ==
          "[" + std::string(bad) + "] must be a size: a whole number with B, kB, MB, GB or TB, like 20MB");
  }
  for (const char* large : {"9000PB", "9223372036854775807kB", "18446744073709551615"}) {
    CAPTURE(large);
    REQUIRE_FALSE(size_from(large).ok());
    CHECK(size_from(large).error().message.find("is too large") != std::string::npos);
  }
  CHECK_FALSE(size_from("99999999999999999999").ok());
}

TEST_CASE("times have a unit") {
  CHECK(*time_from("0ms") == 0ms);
  CHECK(*time_from("500ms") == 500ms);
  CHECK(*time_from("10s") == 10s);
  CHECK(*time_from("2 m") == 2min);
  CHECK(*time_from("100000h") == 100000h);
  for (const char* bad : {"", "10", "s", "-5s", "1.5s", "10sec", "10S", "1d", "5 s s"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(time_from(bad).ok());
    CHECK(time_from(bad).error().message ==
          "[" + std::string(bad) + "] must be a time: a whole number with ms, s, m or h, like 500ms or 10s");
  }
  CHECK(time_from("100001h").error().message == "[100001h] is too long: the longest time is 100000h");
  CHECK_FALSE(time_from("18446744073709551615ms").ok());
}

}  // namespace
}  // namespace sightline
