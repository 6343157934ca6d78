// SIGTERM, SIGINT and SIGHUP.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>

namespace sightline {

/// Turns SIGTERM and SIGINT into an orderly stop: the first ends `wait`, the second ends the process at once,
/// with exit code 130. Before `serving` the first ends it too, as there is nothing to finish. SIGHUP never
/// ends the process: once the server serves it calls `reload`.
/// To be made in `main` before any other thread, so that all threads inherit the blocked signals.
class StopSignal {
 public:
  StopSignal();
  /// From here on nothing is logged: what ends after `main` may end the loggers first.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  /// After the signal the process then has `patience` to end; if it has not, it is ended with a line in the
  /// log and exit code 1, whatever its threads still do. What was acknowledged is with the disk by then.
  /// `reload` is called on a separate thread for each SIGHUP until `wait` has ended, and must not throw.
  void serving(std::chrono::milliseconds patience, std::function<void()> reload) {
    state_->patience = patience;
    state_->reload = std::move(reload);
    state_->serving = true;
  }
  void wait() { state_->came.get_future().wait(); }

 private:
  /// Shared with a thread that waits for signals as long as the process lives.
  struct State {
    std::atomic<bool> serving{false};
    std::promise<void> came;
    std::atomic<std::chrono::milliseconds> patience{};
    std::function<void()> reload;  // set before `serving`
    std::mutex logging;
    bool main_ended = false;  // guarded by `logging`
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace sightline
