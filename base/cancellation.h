// Cancels work whose result is no longer needed.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace sightline {

enum class CancelReason {
  client_left,  ///< the client disconnected
  stopping,     ///< the server stops, and its drain time is over
};

/// Thrown by `check_cancelled`. Whatever catches it must end its work, not go on to the next item.
class WorkCancelled final : public std::exception {
 public:
  explicit WorkCancelled(CancelReason reason) : reason_(reason) {}
  CancelReason reason() const { return reason_; }
  const char* what() const noexcept override {
    return reason_ == CancelReason::stopping ? "the server is stopping" : "the client disconnected";
  }

 private:
  CancelReason reason_;
};

/// Whether the work for one request should stop. Shared by the request, its threads and the
/// connection that would get the answer. Thread safety: all members may be called from any thread.
class Cancellation {
 private:
  using Callbacks = std::list<std::function<void()>>;

 public:
  /// Keeps a callback registered as long as it lives. When it is destroyed while the callback runs on another
  /// thread, it waits for the callback to end.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), at_(other.at_) {}
    Registration& operator=(Registration&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(at_, other.at_);
      return *this;
    }
    ~Registration() {
      if (!owner_) return;
      const std::lock_guard lock(owner_->mutex_);
      owner_->callbacks_.erase(at_);
    }

   private:
    friend class Cancellation;
    Registration(std::shared_ptr<Cancellation> owner, Callbacks::iterator at) : owner_(std::move(owner)), at_(at) {}
    std::shared_ptr<Cancellation> owner_;
    Callbacks::iterator at_;
  };

  /// Only the first reason counts. Calls the registered callbacks on this thread.
  void cancel(CancelReason reason);
  bool requested() const { return state_.load(std::memory_order_relaxed) != 0; }
  /// Nothing if the work was not cancelled.
  std::optional<CancelReason> reason() const {
    const auto state = state_.load(std::memory_order_relaxed);
    return state == 0 ? std::nullopt : std::optional(static_cast<CancelReason>(state - 1));
  }
  /// Throws WorkCancelled if the work should end.
  void check() const;

  /// Calls `callback` once when the work is cancelled, or at once, on this thread, if it already is. It must not block
  /// or throw. It may destroy registrations, including its own.
  static Registration on_cancel(const std::shared_ptr<Cancellation>& cancellation, std::function<void()> callback);

  /// While the registration lives, `part` is cancelled with `whole`, for the same reason. `whole` may be null.
  static Registration follow(const std::shared_ptr<Cancellation>& whole, std::shared_ptr<Cancellation> part);

 private:
  std::atomic<std::uint8_t> state_{0};  // 0, or 1 + the reason
  std::recursive_mutex mutex_;          // held while callbacks run
  Callbacks callbacks_;                 // callbacks that were called are empty and last
};

/// Sets the request that the current thread works for, until it is destroyed. May be nested.
class CancellationScope {
 public:
  explicit CancellationScope(std::shared_ptr<Cancellation> cancellation);
  ~CancellationScope();
  CancellationScope(const CancellationScope&) = delete;
  CancellationScope& operator=(const CancellationScope&) = delete;

 private:
  std::shared_ptr<Cancellation> outer_;
};

/// The cancellation of the current thread's request; null outside of a request.
const std::shared_ptr<Cancellation>& current_cancellation();

/// Throws WorkCancelled if the current thread's request is cancelled. One atomic load: call it in every loop
/// whose length the input chooses.
void check_cancelled();

}  // namespace sightline
