// SIGTERM and SIGINT.
#pragma once

#include <atomic>
#include <future>
#include <memory>

namespace sightline {

/// Turns SIGTERM and SIGINT into an orderly stop: the first ends `wait`, the second ends the process at once.
/// Before `serving` the first ends it too, as there is nothing to finish.
/// To be made in `main` before any other thread, so that all threads inherit the blocked signals.
class StopSignal {
 public:
  StopSignal();
  void serving() { state_->serving = true; }
  void wait() { state_->came.get_future().wait(); }

 private:
  /// Shared with a thread that waits for signals as long as the process lives.
  struct State {
    std::atomic<bool> serving{false};
    std::promise<void> came;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace sightline
