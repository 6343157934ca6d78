#include "server/serving/clock.h"

namespace sightline::serving {
namespace {

class SteadyClock final : public Clock {
 public:
  time_point now() const override { return std::chrono::steady_clock::now(); }

  void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                  time_point until) override {
    if (until == time_point::max()) {
      condition.wait(lock);
    } else {
      condition.wait_until(lock, until);
    }
  }
};

}  // namespace

Clock& steady_clock() {
  static SteadyClock clock;
  return clock;
}

}  // namespace sightline::serving
