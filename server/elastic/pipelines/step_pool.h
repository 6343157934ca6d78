// Threads for steps of pipelines that wait on the store.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sightline::elastic {

/// Runs tasks in the order in which they came, a few at a time. Threads are started when they are needed
/// first. Thread safety: all members may be called from any thread.
class StepPool {
 public:
  /// Told false if it is only to say that it did not run, because the server stops. One that throws is let
  /// go of: whoever waits for it has to see that.
  using Task = std::function<void(bool may_run)>;

  explicit StepPool(std::size_t most_threads) : most_threads_(most_threads) {}
  ~StepPool();

  /// Every task is called once; after `shut_down` at once, on the caller's thread. If this throws, it will
  /// not be called.
  void post(Task task);
  /// Tasks that wait are told so, and every later one. Those that run go on. Safe to call twice.
  void shut_down();

 private:
  void add_thread();
  void work();

  const std::size_t most_threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopped_ = false;
};

}  // namespace sightline::elastic
