#include "base/timer.h"

#include <map>
#include <thread>
#include <utility>

namespace sightline {
namespace {

class ThreadTimer : public Timer {
 public:
  ThreadTimer() : thread_([this] { run(); }) {}

  ~ThreadTimer() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  TimePoint now() const override { return Clock::now(); }

  void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, TimePoint until) override {
    if (until == TimePoint::max()) {
      condition.wait(lock);
    } else {
      condition.wait_until(lock, until);
    }
  }

  void run_at(TimePoint when, std::function<void()> task) override {
    {
      std::lock_guard lock(mutex_);
      tasks_.emplace(when, std::move(task));
    }
    changed_.notify_all();
  }

 private:
  /// Also destroys the task here, outside the lock.
  static void run_quietly(std::function<void()> task) {
    try {
      std::exchange(task, nullptr)();
    } catch (...) {
      // A task must handle its own errors. Other tasks continue.
    }
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (tasks_.empty()) {
        changed_.wait(lock);
      } else if (const auto when = tasks_.begin()->first; when > Clock::now()) {
        changed_.wait_until(lock, when);
      } else {
        auto task = std::move(tasks_.begin()->second);
        tasks_.erase(tasks_.begin());
        lock.unlock();
        run_quietly(std::move(task));
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<TimePoint, std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Timer> start_timer() {
  return std::make_unique<ThreadTimer>();
}

}  // namespace sightline
