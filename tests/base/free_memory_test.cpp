#include "base/free_memory.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace sightline;

TEST_CASE("a container that is freed has no memory left") {
  std::string text(1'000'000, 'x');
  free_memory(text);
  CHECK(text.empty());
  CHECK(text.capacity() < 100);
  std::vector<float> numbers(1'000'000);
  free_memory(numbers);
  CHECK(numbers.capacity() == 0);
}
