#include "eval/threshold.h"

#include <algorithm>
#include <cmath>

namespace sightline::eval {
namespace {

constexpr std::int64_t k_steps_per_unit = 10'000;
constexpr std::int64_t k_last_step = 2 * k_steps_per_unit;

/// The step of a cosine. Vectors whose length is not exactly 1 may give a cosine just outside of [-1, 1].
std::size_t step_of(float cosine) {
  const auto step = static_cast<std::int64_t>(std::floor(static_cast<double>(cosine) * k_steps_per_unit));
  return static_cast<std::size_t>(std::clamp<std::int64_t>(step + k_steps_per_unit, 0, k_last_step));
}

double cosine_of(std::size_t step) {
  return static_cast<double>(static_cast<std::int64_t>(step) - k_steps_per_unit) / k_steps_per_unit;
}

}  // namespace

void JudgedPairs::add(float cosine, bool right) {
  if (steps_.empty()) steps_.resize(k_last_step + 1);
  Step& step = steps_[step_of(cosine)];
  ++(right ? step.right : step.wrong);
  ++(right ? right_ : wrong_);
}

void JudgedPairs::add(const JudgedPairs& others) {
  steps_.resize(std::max(steps_.size(), others.steps_.size()));
  for (std::size_t i = 0; i < others.steps_.size(); ++i) {
    steps_[i].right += others.steps_[i].right;
    steps_[i].wrong += others.steps_[i].wrong;
  }
  right_ += others.right_;
  wrong_ += others.wrong_;
}

std::optional<Threshold> JudgedPairs::best() const {
  if (right_ < k_least_pairs || wrong_ < k_least_pairs) return std::nullopt;
  Threshold best;
  std::size_t best_step = 0;
  std::uint64_t shown_right = 0, shown = 0;
  for (std::size_t step = steps_.size(); step-- > 0;) {
    if (steps_[step].right + steps_[step].wrong == 0) continue;
    shown_right += steps_[step].right;
    shown += steps_[step].right + steps_[step].wrong;
    const double f1 = 2 * static_cast<double>(shown_right) / static_cast<double>(shown + right_);
    if (f1 <= best.f1) continue;
    best_step = step;
    best.f1 = f1;
    best.precision = static_cast<double>(shown_right) / static_cast<double>(shown);
    best.recall = static_cast<double>(shown_right) / static_cast<double>(right_);
  }
  std::size_t next = best_step;  // the step above the nearest lower pair, which is not shown
  while (next > 0 && steps_[next - 1].right + steps_[next - 1].wrong == 0) --next;
  // There are no pairs below: the threshold stays at the lowest pair.
  const std::size_t middle = next == 0 ? best_step : next + (best_step - next) / 2;
  best.cosine = cosine_of(middle);
  return best;
}

}  // namespace sightline::eval
