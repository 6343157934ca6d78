#include "base/json/value_count.h"

#include <doctest/doctest.h>
#include <string>

namespace sightline::json {
namespace {

constexpr std::size_t k_no_bound = 1'000'000'000;

std::size_t all(const std::string& text) {
  return count_values(text, k_no_bound, k_no_bound).all;
}

TEST_CASE("values and keys are counted, the contents of strings are not") {
  CHECK(all("[1,2,3]") == 3);
  CHECK(all(R"({"a":1,"b":[true,null]})") == 6);
  CHECK(all(R"(["a,b:{[","\"],[1,2","é,ü"])") == 3);
  CHECK(all("[[],[],[]]") == 6);
  CHECK(all("[" + std::string(99, '[')) == 100);
}

TEST_CASE("the line with most values is found") {
  const auto count = count_values("{\"index\":{}}\n{\"a\":[1,2,3,4,5,6]}\n{}\n", k_no_bound, k_no_bound);
  CHECK(count.largest_line == 8);
  CHECK(count.all == 3 + 8 + 1);
}

TEST_CASE("a quote that is never closed hides nothing of the lines behind it") {
  CHECK(count_values("\"\n[1,1,1,1,1,1]", k_no_bound, k_no_bound).all == 6);
  CHECK(count_values("\"\\\n[1,1,1,1,1,1]", k_no_bound, k_no_bound).all == 6);
}

TEST_CASE("counting ends beyond either bound") {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) text += "1,";
  CHECK(count_values(text, 100, k_no_bound).all == 101);
  CHECK(count_values(text, k_no_bound, 50).largest_line == 51);
}

}  // namespace
}  // namespace sightline::json
