#include "base/split.h"

#include <doctest/doctest.h>

using sightline::split;

TEST_CASE("a list is split at its separators, and what is empty is left out") {
  using Parts = std::vector<std::string>;
  CHECK(split("a,b c,d", ',') == Parts{"a", "b c", "d"});
  CHECK(split("/_ingest//pipeline/", '/') == Parts{"_ingest", "pipeline"});
  CHECK(split("", ',').empty());
  CHECK(split(",,", ',').empty());
}
