#include "server/http/stream_buffer.h"

#include <utility>

#include "server/http/connection.h"

namespace sightline::http {
namespace {

constexpr std::size_t k_most_waiting = 4u << 20;
constexpr std::size_t k_least_waiting = 64u << 10;

}  // namespace

bool StreamBuffer::append(std::initializer_list<std::string_view> parts, bool last, bool& first) {
  const std::lock_guard lock(mutex_);
  if (abandoned_) return false;
  first = taken_.empty();
  for (const auto part : parts) {
    taken_ += part;
    waiting_ += part.size();
    budget_->add(client_, part.size());
  }
  whole_ = whole_ || last;  // if there is no memory for its end, it is not whole
  return true;
}

std::size_t StreamBuffer::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

bool StreamBuffer::should_pause() const {
  const std::size_t bytes = waiting();
  return bytes > k_most_waiting || (bytes > k_least_waiting && budget_->full(client_));
}

bool StreamBuffer::abandoned() const {
  const std::lock_guard lock(mutex_);
  return abandoned_;
}

void StreamBuffer::when_drained(std::size_t low, std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    low_ = low;
    const bool due = abandoned_ || waiting_ <= low;
    std::swap(drained_, callback);  // the one before is destroyed outside the lock
    if (!due) return;
    callback = std::exchange(drained_, nullptr);
  }
  call_quietly(callback);
}

void StreamBuffer::forget_callback() {
  std::function<void()> drained;
  const std::lock_guard lock(mutex_);
  drained.swap(drained_);
}

bool StreamBuffer::take(std::string& out, bool& last) {
  const std::lock_guard lock(mutex_);
  last = whole_;
  out.swap(taken_);
  return !out.empty();
}

void StreamBuffer::sent(std::size_t bytes) {
  std::function<void()> due;
  {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return;
    waiting_ -= bytes;
    budget_->give_back(client_, bytes);
    if (waiting_ <= low_) due.swap(drained_);
  }
  call_quietly(due);
}

void StreamBuffer::abandon() {
  std::string dropped;
  std::function<void()> drained;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    budget_->give_back(client_, std::exchange(waiting_, 0));
    dropped.swap(taken_);
    drained.swap(drained_);
  }
  call_quietly(drained);
}

}  // namespace sightline::http
