// When a failed call is repeated.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "server/http/message.h"

namespace sightline::http {

/// A number in [0, 1).
double random_fraction();

struct RetryPolicy {
  int max_attempts = 3;
  std::chrono::milliseconds first_wait{1'000};  ///< bound of the wait after the first attempt; doubles
  std::chrono::milliseconds longest_wait{5'000};
  /// Number in [0, 1) that places a wait in the upper half of its bound.
  std::function<double()> random = random_fraction;

  /// The longest wait after so many attempts.
  std::chrono::milliseconds wait_bound(int attempts) const;
  /// The same, placed by `random`, so that calls that failed together are not repeated together.
  std::chrono::milliseconds wait_after(int attempts) const;
};

/// The field Retry-After in seconds; nothing if there is none. The form with a date counts as none.
std::optional<std::chrono::seconds> retry_after(const Headers& headers);

}  // namespace sightline::http
