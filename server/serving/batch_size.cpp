#include "server/serving/batch_size.h"

#include <algorithm>

namespace sightline::serving {

void BatchSize::teach(std::size_t cost, Timer::Clock::duration took) {
  if (target_.count() == 0 || took.count() <= 0) return;
  const double fits = static_cast<double>(cost) * in_seconds(target_) / in_seconds(took);
  limit_ = static_cast<std::size_t>(std::clamp(fits, 1.0, static_cast<double>(most_)));
}

void BatchSize::ran(std::size_t items, std::size_t cost, Timer::Clock::duration took) {
  if (target_.count() == 0) return;
  if (items == 1) alone_ = took;
  const bool was_full = cost * 2 > limit_;
  if (took > target_ && took > 2 * alone_) {
    limit_ = std::max<std::size_t>(cost / 2, 1);
  } else if (was_full && (2 * took < target_ || 4 * took < 5 * alone_)) {
    limit_ = std::min(limit_ * 2, most_);
  }
}

}  // namespace sightline::serving
