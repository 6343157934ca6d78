#include "server/http/retry_policy.h"

#include <algorithm>
#include <cstdint>
#include <random>

#include "base/number_text.h"

namespace sightline::http {

using std::chrono::milliseconds;

double random_fraction() {
  thread_local std::mt19937 random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(random);
}

milliseconds RetryPolicy::wait_bound(int attempts) const {
  return std::min(first_wait * (1 << std::clamp(attempts - 1, 0, 16)), longest_wait);
}

milliseconds RetryPolicy::wait_after(int attempts) const {
  const milliseconds bound = wait_bound(attempts), half = bound / 2;
  return bound - half + milliseconds(static_cast<std::int64_t>(random() * static_cast<double>(half.count())));
}

std::optional<std::chrono::seconds> retry_after(const Headers& headers) {
  const auto field = headers.get("Retry-After");
  const auto seconds = field ? number_from<std::uint32_t>(*field) : std::nullopt;
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace sightline::http
