// Functions for later that can be taken back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/timer.h"

namespace sightline {

/// Calls functions at their times, unless they are taken back before. A Timer alone would hold those that are taken back
/// until their time has come, and clients choose how many and how late.
/// Thread safety: all members may be called from any thread.
class Expiries {
  class State;
  using Key = std::pair<Timer::TimePoint, std::uint64_t>;

 public:
  /// `timer` must outlive the functions that wait.
  explicit Expiries(Timer& timer) : state_(std::make_shared<State>(timer)) {}

  /// Takes its function back when it is destroyed. A call that has begun then goes on.
  class Registration {
   public:
    Registration(Registration&& other) noexcept = default;
    Registration& operator=(Registration&&) = delete;
    ~Registration();

   private:
    friend class Expiries;
    Registration(std::shared_ptr<State> state, Key key) : state_(std::move(state)), key_(key) {}
    std::shared_ptr<State> state_;  // null: moved from
    Key key_;
  };

  /// Calls `expire` once at `when` or soon after, on the timer's thread; it must not block.
  [[nodiscard]] Registration add(Timer::TimePoint when, std::function<void()> expire);

 private:
  class State : public std::enable_shared_from_this<State> {
   public:
    explicit State(Timer& timer) : timer_(timer) {}
    Key add(Timer::TimePoint when, std::function<void()> expire);
    void remove(const Key& key);

   private:
    void look_at(Timer::TimePoint when);
    void run(Timer::TimePoint scheduled);

    Timer& timer_;
    std::mutex mutex_;
    std::map<Key, std::function<void()>> waiting_;
    std::uint64_t added_ = 0;
    Timer::TimePoint next_ = Timer::TimePoint::max();  // when the timer calls; its other calls mean nothing any more
  };

  const std::shared_ptr<State> state_;
};

}  // namespace sightline
