// Threads that run the handler, fed by a bounded queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "server/http/buffer_budget.h"
#include "server/http/server.h"

namespace sightline::http {

/// A request on its way from an event loop to the handler.
struct Job {
  Request request;
  Reply reply;
  BufferShare share;  ///< the memory that the body is charged with, until it is answered
};

/// Thread safety: `submit` from any thread; `stop` once, and from none of the pool's own threads.
class WorkerPool {
 public:
  using Run = std::function<void(Job&&)>;  ///< must not throw

  WorkerPool(int threads, std::size_t max_queued, Run run);
  ~WorkerPool();

  /// Takes the job, or leaves it as it is and returns false: the queue is full, or the pool has stopped.
  bool submit(Job& job);
  /// Drops the jobs in the queue and waits for those that run.
  void stop();

 private:
  void work();

  const std::size_t max_queued_;
  const Run run_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> queue_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sightline::http
