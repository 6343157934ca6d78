// SIGTERM and SIGINT.
#pragma once

#include <atomic>
#include <future>
#include <thread>

namespace sightline {

/// Turns SIGTERM and SIGINT into an orderly stop: the first ends `wait`, the second ends the process at once.
/// Before `serving` the first ends it too, as there is nothing to finish. To be made in `main` before any
/// other thread, so that all threads inherit the blocked signals.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  void serving() { serving_ = true; }
  void wait() { came_.get_future().wait(); }

 private:
  void run();

  std::atomic<bool> serving_{false};
  std::promise<void> came_;
  std::thread thread_;
};

}  // namespace sightline
