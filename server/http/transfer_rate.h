// Whether bytes keep moving.
#pragma once

#include <chrono>
#include <cstdint>

namespace sightline::http {

/// Holds one direction of a connection to a least rate, window by window: an average over all of a transfer
/// would let a client that began fast stay for hours.
class TransferRate {
 public:
  using Clock = std::chrono::steady_clock;

  /// A transfer begins, or goes on after a pause that is not the client's fault. `moved`: bytes so far.
  void begin(std::uint64_t moved, Clock::time_point now) {
    moved_ = moved;
    began_ = now;
  }
  /// False if a window has ended in which fewer than `least` bytes per second moved.
  bool holds(std::uint64_t moved, Clock::time_point now, std::uint64_t least,
             std::chrono::milliseconds window) {
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
