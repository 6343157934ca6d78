#include "server/http/worker_pool.h"

#include <exception>
#include <utility>

namespace sightline::http {
namespace {

WorkerPool*& pool_of_thread() {
  thread_local WorkerPool* pool = nullptr;
  return pool;
}

}  // namespace

WorkerPool::WorkerPool(const Options& options, Run run) : options_(options), run_(std::move(run)) {
  try {
    for (int i = 0; i < options_.places; ++i) threads_.emplace_back([this] { work(); });
  } catch (...) {  // no memory for one more thread: those that run must be joined first
    stop();
    throw;
  }
}

WorkerPool::~WorkerPool() {
  stop();
}

WorkerPool* WorkerPool::current() {
  return pool_of_thread();
}

bool WorkerPool::submit(HandlerCall& call) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || queue_.size() >= options_.max_queued) return false;
  queue_.push_back(std::move(call));
  wake_next();
  return true;
}

void WorkerPool::stop() {
  std::deque<HandlerCall> dropped;  // destroyed outside the lock: dropping a Reply answers it
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    threads.swap(threads_);
    ready_.notify_all();
    place_free_.notify_all();
  }
  for (auto& thread : threads) thread.join();
}

bool WorkerPool::permit(const std::string& awaited) {
  const std::lock_guard lock(mutex_);
  if (permits_ >= options_.max_waiting) return false;
  if (!awaited.empty()) {
    auto& same = awaited_[awaited];
    if (same > 0 && same >= options_.max_waiting / 2) return false;
    ++same;
  }
  ++permits_;
  return true;
}

void WorkerPool::end_permit(const std::string& awaited) {
  const std::lock_guard lock(mutex_);
  --permits_;
  const auto same = awaited_.find(awaited);
  if (same != awaited_.end() && --same->second == 0) awaited_.erase(same);
}

void WorkerPool::lend_place() {
  const std::lock_guard lock(mutex_);
  --running_;
  wake_next();
}

void WorkerPool::take_place() {
  std::unique_lock lock(mutex_);
  ++returning_;
  place_free_.wait(lock, [this] { return stopped_ || running_ < static_cast<std::size_t>(options_.places); });
  --returning_;
  ++running_;
  wake_next();
}

/// Gives a free place to a call that waits for one, or to a call of the queue.
void WorkerPool::wake_next() {
  if (running_ >= static_cast<std::size_t>(options_.places)) return;
  if (returning_ > 0) {
    place_free_.notify_one();
  } else if (!queue_.empty()) {
    if (queue_.size() > idle_) add_thread();
    ready_.notify_one();
  }
}

void WorkerPool::add_thread() {
  if (stopped_ || threads_.size() >= static_cast<std::size_t>(options_.places) + options_.max_waiting) return;
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::exception&) {
    // No thread to be had: the call waits for one of those that there are.
  }
}

void WorkerPool::work() {
  pool_of_thread() = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    ready_.wait(lock, [this] {
      return stopped_ || (!queue_.empty() && returning_ == 0 && running_ < static_cast<std::size_t>(options_.places));
    });
    --idle_;
    if (stopped_) return;
    {
      HandlerCall call = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
      wake_next();
      lock.unlock();
      run_(std::move(call));
    }
    lock.lock();
    --running_;
    wake_next();
  }
}

}  // namespace sightline::http
