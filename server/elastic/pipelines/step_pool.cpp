#include "server/elastic/pipelines/step_pool.h"

#include <exception>
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
  if (tasks_.size() >= idle_ && threads_.size() < most_threads_) add_thread();
  tasks_.push_back(std::move(task));
  changed_.notify_one();
}

void StepPool::add_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::exception&) {
    if (threads_.empty()) throw;  // else the others will come to it
  }
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
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    const bool may_run = !stopped_;
    lock.unlock();
    try {
      task(may_run);
    } catch (const std::exception&) {
      // It is gone with all that it holds, and nobody else's task with it.
    }
    task = nullptr;  // outside the lock
    lock.lock();
  }
}

}  // namespace sightline::elastic
