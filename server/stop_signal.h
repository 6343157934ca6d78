// SIGTERM and SIGINT.
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>

namespace sightline {

/// Turns SIGTERM and SIGINT into an orderly stop: the first ends `wait`, the second ends the process at once,
/// with exit code 130. Before `serving` the first ends it too, as there is nothing to finish.
/// To be made in `main` before any other thread, so that all threads inherit the blocked signals.
class StopSignal {
 public:
  StopSignal();
  /// After the signal the process then has `patience` to end; if it has not, it is ended with a line in the
  /// log and exit code 1, whatever its threads still do. What was acknowledged is with the disk by then.
  void serving(std::chrono::milliseconds patience) {
    state_->patience = patience;
    state_->serving = true;
  }
  void wait() { state_->came.get_future().wait(); }

 private:
  /// Shared with a thread that waits for signals as long as the process lives.
  struct State {
    std::atomic<bool> serving{false};
    std::promise<void> came;
    std::atomic<std::chrono::milliseconds> patience{};
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace sightline
