#include "server/serving/preparation_pool.h"

#include <algorithm>
#include <utility>

namespace sightline::serving {

PreparationPool::PreparationPool(int threads) {
  for (int i = 0; i < std::max(1, threads); ++i) threads_.emplace_back([this] { run(); });
}

PreparationPool::~PreparationPool() {
  stop();
}

void PreparationPool::post(Lane lane, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      jobs_[static_cast<std::size_t>(lane)].push_back(std::move(job));
      changed_.notify_one();
      return;
    }
  }
  job();
}

void PreparationPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void PreparationPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto& queries = jobs_[static_cast<std::size_t>(Lane::query)];
    auto& jobs = queries.empty() ? jobs_[static_cast<std::size_t>(Lane::document)] : queries;
    if (jobs.empty()) {
      if (stopping_) return;
      changed_.wait(lock);
      continue;
    }
    auto job = std::move(jobs.front());
    jobs.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it holds is let go without the lock
    lock.lock();
  }
}

}  // namespace sightline::serving
