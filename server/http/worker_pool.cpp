#include "server/http/worker_pool.h"

#include <utility>

namespace sightline::http {

WorkerPool::WorkerPool(int threads, std::size_t max_queued, Run run)
    : max_queued_(max_queued), run_(std::move(run)) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || queue_.size() >= max_queued_) return false;
    queue_.push_back(std::move(job));
  }
  ready_.notify_one();
  return true;
}

void WorkerPool::stop() {
  std::deque<Job> dropped;  // destroyed outside the lock: dropping a Reply answers it
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
  }
  ready_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
    if (stopped_) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    run_(std::move(job));
  }
}

}  // namespace sightline::http
