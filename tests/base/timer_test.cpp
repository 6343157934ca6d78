#include "base/timer.h"

#include <doctest/doctest.h>
#include <future>
#include <stdexcept>

using namespace sightline;

TEST_CASE("a task that throws ends nothing but itself") {
  const auto timer = start_timer();
  std::promise<void> ran;
  const auto now = timer->now();
  timer->run_at(now, [] { throw std::runtime_error("fault"); });
  timer->run_at(now, [] { throw 1; });
  timer->run_at(now, [&] { ran.set_value(); });
  CHECK(ran.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
}
