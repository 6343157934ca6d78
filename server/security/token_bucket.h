// Limits how often something may be done.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

namespace sightline::security {

/// A token bucket: so many tokens flow in per second, up to one second's worth and at least one; each use takes one.
/// So a burst of one second's worth passes at once, and later uses as fast as tokens flow in.
/// Thread safety: all members may be called from any thread.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  /// Full. `per_second`: tokens, greater than 0.
  TokenBucket(double per_second, Clock::time_point now)
      : per_second_(per_second), tokens_(capacity_of(per_second)), filled_(now) {}

  /// Takes a token. Without one: the time until there is one, and nothing is taken.
  std::optional<Clock::duration> take(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    fill(now);
    if (tokens_ >= 1 - k_rounding) {
      tokens_ = std::max(0.0, tokens_ - 1);
      return std::nullopt;
    }
    const std::chrono::duration<double> wait((1 - tokens_) / per_second_);
    return std::chrono::ceil<Clock::duration>(wait);
  }

  /// From now on `per_second` tokens flow in. Those it holds stay, as far as they fit.
  void set_rate(double per_second, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    fill(now);
    per_second_ = per_second;
    tokens_ = std::min(tokens_, capacity_of(per_second));
  }

 private:
  static constexpr double k_rounding = 1e-6;  // so that the time that `take` returns is enough

  static double capacity_of(double per_second) { return std::max(1.0, per_second); }

  /// Threads may come with times out of order: an earlier one adds nothing.
  void fill(Clock::time_point now) {
    if (now <= filled_) return;
    const std::chrono::duration<double> passed = now - filled_;
    tokens_ = std::min(capacity_of(per_second_), tokens_ + passed.count() * per_second_);
    filled_ = now;
  }

  std::mutex mutex_;
  double per_second_;
  double tokens_;
  Clock::time_point filled_;
};

}  // namespace sightline::security
