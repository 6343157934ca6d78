// A limit on the time for decoding one picture.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.h"

namespace sightline::models {

/// Counts the processor time of this thread, so that no picture is refused because the machine is busy.
class DecodeTime {
 public:
  /// Starts now. `limit` 0: none.
  explicit DecodeTime(std::chrono::milliseconds limit) : limit_(limit), began_(thread_time()) {}

  /// To be called at least every few rows; reads the clock only at every sixteenth call.
  bool is_over() {
    constexpr unsigned k_calls_per_look = 16;
    if (++calls_ % k_calls_per_look != 0) return false;
    return is_over_now();
  }

  /// For steps that take longer than reading the clock.
  bool is_over_now() const { return limit_.count() != 0 && thread_time() - began_ > limit_; }

  /// invalid_argument, with the limit's name.
  Error error(std::string_view format) const;

 private:
  static std::chrono::nanoseconds thread_time();

  const std::chrono::milliseconds limit_;
  const std::chrono::nanoseconds began_;
  unsigned calls_ = 0;
};

}  // namespace sightline::models
