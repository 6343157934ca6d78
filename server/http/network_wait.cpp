#include "server/http/network_wait.h"

#include <utility>

#include "base/request_trace.h"
#include "server/http/worker_pool.h"

namespace sightline::http {
namespace {

/// What the current thread's call has.
struct State {
  bool has_permit = false;
  bool has_lent = false;
};
State& state() {
  thread_local State of_thread;
  return of_thread;
}

}  // namespace

NetworkWait::NetworkWait(std::string awaited) : awaited_(std::move(awaited)) {
  WorkerPool* const pool = WorkerPool::current();
  if (pool == nullptr || state().has_permit) return;
  granted_ = pool->permit(awaited_);
  if (!granted_) return;
  pool_ = pool;
  state().has_permit = true;
}

NetworkWait::~NetworkWait() {
  if (pool_ == nullptr) return;
  state().has_permit = false;
  pool_->end_permit(awaited_);
}

NetworkWait::Lent::Lent(const NetworkWait& wait)
    : pool_(wait.granted() && state().has_permit && !state().has_lent ? WorkerPool::current() : nullptr) {
  if (pool_ == nullptr) return;
  state().has_lent = true;
  pool_->lend_place();
}

NetworkWait::Lent::~Lent() {
  if (pool_ == nullptr) return;
  const StageSpan waiting(current_trace(), Stage::worker_wait);
  pool_->take_place();
  state().has_lent = false;
}

}  // namespace sightline::http
