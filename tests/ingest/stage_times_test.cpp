#include "ingest/stage_times.h"

#include <doctest/doctest.h>

using namespace sightline::ingest;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Stage = StageTimes::Stage;

namespace {

Tally tally_of(std::size_t pictures, std::uint64_t bytes) {
  Tally tally;
  tally.pictures_read = pictures;
  tally.bytes_read = bytes;
  return tally;
}

}  // namespace

TEST_CASE("the wait for bulks is divided as their answers say, however many overlap") {
  StageTimes times;
  times.add_reading(seconds(1));
  times.add_looking_up(seconds(1));
  times.add_waiting(seconds(8));
  for (int i = 0; i < 2; ++i) times.add_bulk(seconds(10), seconds(7), seconds(2));
  CHECK(times.of(Stage::reading).count() == doctest::Approx(1));
  CHECK(times.of(Stage::pipeline).count() == doctest::Approx(5.6));
  CHECK(times.of(Stage::indexing).count() == doctest::Approx(1.6));
  CHECK(times.of(Stage::sending).count() == doctest::Approx(0.8));
  CHECK(times.slowest() == Stage::pipeline);
}

TEST_CASE("bulks that took less than their answers say have no time for sending") {
  StageTimes times;
  times.add_waiting(seconds(4));
  times.add_bulk(seconds(3), seconds(3), seconds(1));
  CHECK(times.of(Stage::sending).count() == 0);
  CHECK(times.of(Stage::pipeline).count() == doctest::Approx(3));
}

TEST_CASE("the speed is that of the pictures read, with the slowest stage and its share") {
  StageTimes times;
  times.add_waiting(seconds(66));
  times.add_bulk(seconds(66), seconds(66), seconds(0));
  CHECK(speed_line(tally_of(2000, 156'200'000), times, seconds(71)) ==
        "2,000 pictures in 71 s (28 per second, 2.2 MB per second); slowest: the pipeline (embedding), 93 % of the "
        "time");
  StageTimes reading;
  reading.add_reading(milliseconds(400));
  CHECK(speed_line(tally_of(1, 1000), reading, milliseconds(800)) ==
        "1 picture in 0.8 s (1.2 per second, 0.0 MB per second); slowest: reading the files, 50 % of the time");
  StageTimes retrying;
  retrying.add_retrying(seconds(7200));
  CHECK(speed_line(tally_of(1'234'567, 0), retrying, seconds(10'000)) ==
        "1,234,567 pictures in 2 h 46 min (123 per second, 0.0 MB per second); slowest: waiting before retries (429), "
        "72 % of the time");
  CHECK(speed_line(tally_of(0, 0), times, seconds(1)).empty());
}
