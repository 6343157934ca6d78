// The threads that decode pictures and tokenize texts.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "server/serving/embed_request.h"

namespace sightline::serving {

/// Runs jobs on a fixed number of threads, those of queries first. It has no bound of its own: who posts
/// holds tickets of a BatchQueue.
/// Thread safety: all members may be called from any thread; `stop` not from a job.
class PreparationPool {
 public:
  /// `threads`: at least one is started.
  explicit PreparationPool(int threads);
  ~PreparationPool();

  /// Jobs must not throw. After `stop`, a job runs at once on the caller's thread, so that none is ever lost.
  void post(Lane lane, std::function<void()> job);

  /// Runs all that was posted, then ends the threads.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::deque<std::function<void()>>, k_lanes> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sightline::serving
