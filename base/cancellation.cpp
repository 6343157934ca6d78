#include "base/cancellation.h"

#include <utility>

namespace sightline {
namespace {

std::shared_ptr<Cancellation>& current() {
  thread_local std::shared_ptr<Cancellation> cancellation;
  return cancellation;
}

}  // namespace

void Cancellation::cancel(CancelReason reason) {
  std::uint8_t open = 0;
  if (!state_.compare_exchange_strong(open, static_cast<std::uint8_t>(1 + static_cast<int>(reason)))) return;
  const std::lock_guard lock(mutex_);
  // The list is read again each time, because a callback may remove any entry.
  while (!callbacks_.empty() && callbacks_.front()) {
    const auto once = std::exchange(callbacks_.front(), nullptr);
    callbacks_.splice(callbacks_.end(), callbacks_, callbacks_.begin());
    once();
  }
}

void Cancellation::check() const {
  if (const auto why = reason()) throw WorkCancelled(*why);
}

Cancellation::Registration Cancellation::on_cancel(const std::shared_ptr<Cancellation>& cancellation,
                                                   std::function<void()> callback) {
  const std::lock_guard lock(cancellation->mutex_);
  if (cancellation->requested()) {
    // Registered empty: `cancel` may be traversing the list on another thread, or may have finished.
    callback();
    callback = nullptr;
  }
  const auto at = cancellation->callbacks_.insert(cancellation->callbacks_.end(), std::move(callback));
  return {cancellation, at};
}

Cancellation::Registration Cancellation::follow(const std::shared_ptr<Cancellation>& whole,
                                                std::shared_ptr<Cancellation> part) {
  if (!whole) return {};
  return on_cancel(whole, [raw = whole.get(), part = std::move(part)] { part->cancel(*raw->reason()); });
}

CancellationScope::CancellationScope(std::shared_ptr<Cancellation> cancellation)
    : outer_(std::exchange(current(), std::move(cancellation))) {}

CancellationScope::~CancellationScope() {
  current() = std::move(outer_);
}

const std::shared_ptr<Cancellation>& current_cancellation() {
  return current();
}

void check_cancelled() {
  if (const auto& cancellation = current()) cancellation->check();
}

}  // namespace sightline
