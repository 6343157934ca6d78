// How much a batch may hold, so that it ends within a target time.
#pragma once

#include <cstddef>

#include "base/timer.h"

namespace sightline::serving {

/// Learns from each batch what one may cost, in tokens or pixels.
///
/// Formula: a batch of cost c that took t > target, and t > 2 * t1, sets the limit to c / 2; one of more than half
/// of the limit with 2 t < target, or 4 t < 5 * t1, doubles it. t1: what the last batch of a single input took. So
/// where a single input takes about the target anyway, a batch may take twice as long as one: smaller batches
/// would only cost throughput. Thread safety: none of its own.
class BatchSize {
 public:
  /// `most`: the limit never exceeds it, and starts there. `target` 0: the limit stays at `most`.
  BatchSize(std::size_t most, Timer::Clock::duration target) : most_(most), target_(target), limit_(most) {}

  std::size_t limit() const { return limit_; }
  /// A first guess: one input of `cost` took so long.
  void teach(std::size_t cost, Timer::Clock::duration took);
  /// A batch of `items` inputs and `cost` took so long.
  void ran(std::size_t items, std::size_t cost, Timer::Clock::duration took);

 private:
  std::size_t most_;
  Timer::Clock::duration target_;
  std::size_t limit_;
  Timer::Clock::duration alone_{};  ///< what the last batch of one input took
};

}  // namespace sightline::serving
