#include "server/elastic/ingest/step_pool.h"

#include <utility>

namespace sightline::elastic {

StepPool::~StepPool() {
  shut_down();
  for (auto& thread : threads_) thread.join();
}

void StepPool::post(Task task) {
  std::unique_lock lock(mutex_);
  if (stopped_) {
    lock.unlock();
    return task(false);
  }
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < most_threads_) threads_.emplace_back([this] { work(); });
  changed_.notify_one();
}

void StepPool::shut_down() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void StepPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    const bool may_run = !stopped_;
    lock.unlock();
    task(may_run);
    lock.lock();
  }
}

}  // namespace sightline::elastic
