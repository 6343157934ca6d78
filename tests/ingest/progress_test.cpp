#include "ingest/progress.h"

#include <doctest/doctest.h>

using namespace sightline::ingest;

TEST_CASE("the bar shows share, count, rate and time left") {
  Tally tally;
  tally.total = 200;
  tally.indexed = 90;
  tally.skipped = 10;
  tally.failed = 0;
  CHECK(progress_bar(tally, std::chrono::seconds(9)) ==
        "[###############...............] 100/200, 10.0 pictures/s, 0:10 left");
  tally.failed = 100;
  CHECK(progress_line(tally, std::chrono::seconds(9)) == "indexing: 200/200, 10.0 pictures/s, 100 failed");
}

TEST_CASE("nothing to do is no division by zero") {
  CHECK(progress_bar({}, std::chrono::seconds(0)) == "[##############################] 0/0, 0.0 pictures/s");
}
