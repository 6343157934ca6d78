#include "eval/threshold.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

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

/// Neighbouring numbers come into different groups (Fibonacci hashing; Knuth, The Art of Computer Programming 3, 6.4).
std::size_t group_of(std::uint32_t query, std::size_t groups) {
  return (static_cast<std::uint64_t>(query * 2654435769u) * groups) >> 32;
}

}  // namespace

std::string percent_text(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%g %%", share * 100);
  return text;
}

std::uint64_t wrong_pairs_needed(double false_positive_rate) {
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(k_least_pairs) / false_positive_rate - 1e-6));
}

std::uint64_t JudgedPairs::Step::wrong() const {
  return std::accumulate(wrong_of_group.begin(), wrong_of_group.end(), std::uint64_t{0});
}

void JudgedPairs::add(float cosine, bool right, std::uint32_t query) {
  if (steps_.empty()) steps_.resize(k_last_step + 1);
  Step& step = steps_[step_of(cosine)];
  if (right) {
    ++step.right;
    ++right_;
  } else {
    ++step.wrong_of_group[group_of(query, k_groups)];
    ++wrong_;
  }
}

void JudgedPairs::add(const JudgedPairs& others) {
  steps_.resize(std::max(steps_.size(), others.steps_.size()));
  for (std::size_t i = 0; i < others.steps_.size(); ++i) {
    steps_[i].right += others.steps_[i].right;
    for (std::size_t group = 0; group < k_groups; ++group)
      steps_[i].wrong_of_group[group] += others.steps_[i].wrong_of_group[group];
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
    const std::uint64_t pairs = steps_[step].right + steps_[step].wrong();
    if (pairs == 0) continue;
    shown_right += steps_[step].right;
    shown += pairs;
    const double f1 = 2 * static_cast<double>(shown_right) / static_cast<double>(shown + right_);
    if (f1 <= best.f1) continue;
    best_step = step;
    best.f1 = f1;
    best.precision = static_cast<double>(shown_right) / static_cast<double>(shown);
    best.recall = static_cast<double>(shown_right) / static_cast<double>(right_);
  }
  std::size_t next = best_step;  // the step above the nearest lower pair, which is not shown
  while (next > 0 && steps_[next - 1].right + steps_[next - 1].wrong() == 0) --next;
  // There are no pairs below: the threshold stays at the lowest pair.
  const std::size_t middle = next == 0 ? best_step : next + (best_step - next) / 2;
  best.cosine = cosine_of(middle);
  return best;
}

/// The lowest step that at most this share of the wrong pairs reaches; `steps_.size()` if there is none.
std::size_t JudgedPairs::lowest_step(double false_positive_rate) const {
  const double allowed = false_positive_rate * static_cast<double>(wrong_) + 1e-6;
  std::uint64_t shown = 0;
  for (std::size_t step = steps_.size(); step-- > 0;) {
    shown += steps_[step].wrong();
    if (static_cast<double>(shown) > allowed) return step + 1;
  }
  return 0;
}

/// The standard error of the share of wrong pairs that reach `step`, times Student's t for 95 %: the share is a ratio
/// of sums over groups of queries (Cochran, Sampling Techniques, 1977, chapter 6). Errors: too few groups have pairs.
Result<double> JudgedPairs::margin(std::size_t step) const {
  struct Group {
    std::uint64_t shown = 0, all = 0;
  };
  std::array<Group, k_groups> groups;
  std::uint64_t shown = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (std::size_t group = 0; group < k_groups; ++group) {
      const std::uint32_t pairs = steps_[i].wrong_of_group[group];
      groups[group].all += pairs;
      groups[group].shown += i >= step ? pairs : 0;
      shown += i >= step ? pairs : 0;
    }
  }
  const double rate = static_cast<double>(shown) / static_cast<double>(wrong_);
  double squares = 0;
  std::size_t used = 0;
  for (const Group& group : groups) {
    if (group.all == 0) continue;
    const double difference = static_cast<double>(group.shown) - rate * static_cast<double>(group.all);
    squares += difference * difference;
    ++used;
  }
  // Two-sided 95 % quantiles of Student's t for `used` - 1 = 7 to 15 degrees of freedom.
  constexpr std::array k_t{2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131};
  constexpr std::size_t k_least_groups = k_groups - k_t.size() + 1;
  if (used < k_least_groups)
    return Error{ErrorCode::invalid_argument, "its wrong pairs belong to too few queries to estimate a range (" +
                                                  std::to_string(used) + " of " + std::to_string(k_groups) +
                                                  " groups of queries have some; " + std::to_string(k_least_groups) +
                                                  " are needed)"};
  const auto count = static_cast<double>(used);
  return k_t[used - k_least_groups] * std::sqrt(count / (count - 1) * squares) / static_cast<double>(wrong_);
}

Result<Cutoff> JudgedPairs::cutoff(double false_positive_rate) const {
  if (const std::uint64_t needed = wrong_pairs_needed(false_positive_rate); wrong_ < needed)
    return Error{ErrorCode::invalid_argument, std::to_string(wrong_) + " wrong pairs; a false-positive rate of " +
                                                  percent_text(false_positive_rate) + " needs " +
                                                  std::to_string(needed)};
  const std::size_t step = lowest_step(false_positive_rate);
  if (step == steps_.size())
    return Error{ErrorCode::invalid_argument,
                 "more than " + percent_text(false_positive_rate) + " of the wrong pairs have a cosine of 1"};
  const Result<double> wide = margin(step);
  if (!wide.ok()) return wide.error();
  Cutoff cutoff;
  cutoff.cosine = cosine_of(step);
  cutoff.lowest = cosine_of(lowest_step(std::min(1.0, false_positive_rate + *wide)));
  cutoff.highest = cosine_of(std::min(lowest_step(std::max(0.0, false_positive_rate - *wide)), steps_.size() - 1));
  std::uint64_t shown_right = 0, shown_wrong = 0;
  for (std::size_t i = step; i < steps_.size(); ++i) {
    shown_right += steps_[i].right;
    shown_wrong += steps_[i].wrong();
  }
  cutoff.false_positive_rate = static_cast<double>(shown_wrong) / static_cast<double>(wrong_);
  cutoff.recall = right_ == 0 ? 0 : static_cast<double>(shown_right) / static_cast<double>(right_);
  cutoff.wrong_pairs = wrong_;
  return cutoff;
}

}  // namespace sightline::eval
