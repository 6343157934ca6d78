// Whether bytes keep moving.
#pragma once

#include <chrono>
#include <cstdint>

namespace sightline::http {

/// Enforces a minimum rate in one direction of a connection, per time window: an average over a whole transfer
/// would let a client that started fast stay for hours.
class TransferRate {
 public:
  using Clock = std::chrono::steady_clock;

  /// A transfer starts, or continues after a pause that the client did not cause. `moved`: bytes so far.
  void begin(std::uint64_t moved, Clock::time_point now) {
    moved_ = moved;
    began_ = now;
  }
  /// False if a window has ended in which fewer than `least` bytes per second moved.
  bool holds(std::uint64_t moved, Clock::time_point now, std::uint64_t least, std::chrono::milliseconds window) {
    if (now - began_ < window) return true;
    const auto seconds = std::chrono::duration<double>(now - began_).count();
    const bool enough = static_cast<double>(moved - moved_) >= static_cast<double>(least) * seconds;
    begin(moved, now);
    return enough;
  }

 private:
  std::uint64_t moved_ = 0;
  Clock::time_point began_ = Clock::now();
};

}  // namespace sightline::http
