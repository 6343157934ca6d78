#include "ingest/progress.h"

#include <doctest/doctest.h>

#include "ingest/bulk_size.h"

using namespace sightline::ingest;

TEST_CASE("the bar shows share, count, rate and time left") {
  Tally tally;
  tally.total = 200;
  tally.indexed = 90;
  tally.skipped = 10;
  tally.failed = 0;
  CHECK(progress_bar(tally, std::chrono::seconds(9)) ==
        "[###############...............] 100/200, 10.0 documents/s, 0:10 left");
  tally.failed = 100;
  CHECK(progress_line(tally, std::chrono::seconds(9)) == "indexing: 200/200, 10.0 documents/s, 100 failed");
}

TEST_CASE("the bytes that were read have a rate, and the files have one where nothing was indexed") {
  Tally tally;
  tally.total = 200;
  tally.skipped = tally.pictures_read = 100;
  tally.bytes_read = 5'000'000;
  CHECK(progress_line(tally, std::chrono::seconds(10)) == "indexing: 100/200, 10.0 files/s, 0.5 MB/s");
  tally.skipped = 0;
  tally.indexed = 100;
  CHECK(progress_line(tally, std::chrono::seconds(10)) == "indexing: 100/200, 10.0 documents/s, 0.5 MB/s, 0:10 left");
}

TEST_CASE("where nothing was read there is no rate") {
  CHECK(progress_bar({}, std::chrono::seconds(0)) == "[##############################] 0/0");
  Tally tally;
  tally.total = tally.skipped = 7;
  CHECK(progress_line(tally, std::chrono::seconds(3)) == "indexing: 7/7");
}

TEST_CASE("a bulk grows while bulks are answered quickly, and shrinks when one takes long") {
  using std::chrono::milliseconds;
  BulkSize size(50);
  CHECK(size.documents() == 8);
  size.answered(8, milliseconds(100));
  size.answered(16, milliseconds(100));
  CHECK(size.documents() == 32);
  size.answered(3, milliseconds(100));  // the last few say nothing
  CHECK(size.documents() == 32);
  size.answered(32, milliseconds(999));
  CHECK(size.documents() == 50);
  size.answered(50, milliseconds(2000));
  CHECK(size.documents() == 50);
  size.answered(50, milliseconds(4001));
  CHECK(size.documents() == 25);
  for (int i = 0; i < 9; ++i) size.answered(1, milliseconds(60'000));
  CHECK(size.documents() == 1);
  CHECK(BulkSize(3).documents() == 3);
}
