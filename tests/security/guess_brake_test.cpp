#include "server/security/guess_brake.h"

#include <doctest/doctest.h>

namespace sightline::security {
namespace {

using namespace std::chrono_literals;

bool delays(GuessBrake& brake, const std::string& address, GuessBrake::Clock::time_point now) {
  return brake.failure(address, now).count() > 0;
}

TEST_CASE("wrong keys are forgotten after a while without one") {
  GuessBrake brake;
  const auto now = GuessBrake::Clock::now();
  for (int i = 0; i < 10; ++i) CHECK_FALSE(delays(brake, "a", now));
  CHECK(delays(brake, "a", now));
  CHECK_FALSE(delays(brake, "b", now));
  CHECK(delays(brake, "a", now + 59s));
  CHECK_FALSE(delays(brake, "a", now + 120s));
}

TEST_CASE("no more addresses are remembered than may be") {
  GuessBrake::Options options;
  options.free_failures = 1;
  options.max_addresses = 2;
  GuessBrake brake(options);
  const auto now = GuessBrake::Clock::now();
  CHECK_FALSE(delays(brake, "a", now));
  CHECK_FALSE(delays(brake, "b", now));
  CHECK(delays(brake, "a", now));  // both still known
  CHECK(delays(brake, "b", now));
  CHECK_FALSE(delays(brake, "c", now));  // one too many: all are forgotten
  CHECK_FALSE(delays(brake, "a", now));
  CHECK(delays(brake, "c", now));
}

}  // namespace
}  // namespace sightline::security
