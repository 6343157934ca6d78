// Decides by its key whether a request may be served.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/security/api_keys.h"
#include "server/security/guess_brake.h"
#include "server/security/token_bucket.h"

namespace sightline::security {

/// The time of a request, on the calendar and on the clock.
struct Moment {
  std::chrono::system_clock::time_point date = std::chrono::system_clock::now();
  TokenBucket::Clock::time_point time = TokenBucket::Clock::now();
};

/// The keys of a server, for all of its ports. A key with a rate has one token bucket, which all ports share.
/// Thread safety: all members may be called from any thread.
class KeyCheck {
 public:
  using Clock = TokenBucket::Clock;

  /// `usual_rate`: requests per second of each key without a rate of its own; 0: no limit.
  explicit KeyCheck(ApiKeys keys, double usual_rate = 0, Clock::time_point now = Clock::now());

  enum class Outcome {
    admitted,
    missing,  ///< the request has no key
    wrong,    ///< no such key
    expired,
    forbidden,     ///< the key lacks the scope
    rate_limited,  ///< the key has sent too many requests
  };
  struct Verdict {
    Outcome outcome = Outcome::missing;
    std::string name;              ///< of the key, unless it is missing or wrong
    std::chrono::seconds wait{0};  ///< if it is rate_limited: when the next request passes, at least 1
  };
  /// To be called once per request: one that is admitted takes a token of its key. `presented`: the texts of the
  /// request that may be keys (`keys_in`).
  Verdict judge(const std::vector<std::string>& presented, Scope scope, const Moment& now = {});

  /// The name of the first of these that is a key, for logs: nothing is checked, and no token taken. Empty: none is.
  std::string name_of(const std::vector<std::string>& presented) const;

  /// Counts a wrong key of an address, and returns the delay of its answer (GuessBrake).
  std::chrono::milliseconds wrong_key(const std::string& address) { return guesses_.failure(address); }

  /// From now on these keys are valid, and no others. A key that was valid before keeps its tokens, whatever its line
  /// says now.
  void replace(ApiKeys keys, Clock::time_point now = Clock::now());

 private:
  /// The keys and, at the same place, the bucket of each; null: no limit.
  struct Ring {
    ApiKeys keys;
    std::vector<std::shared_ptr<TokenBucket>> buckets;
  };
  std::shared_ptr<TokenBucket> bucket_of(const ApiKey& key, const Ring* before, Clock::time_point now) const;
  std::shared_ptr<const Ring> ring_of(ApiKeys keys, const Ring* before, Clock::time_point now) const;
  std::shared_ptr<const Ring> current() const;

  const double usual_rate_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Ring> ring_;
  GuessBrake guesses_;
};

/// The error of a verdict `rate_limited`, for its client.
std::string rate_limit_message(const KeyCheck::Verdict& verdict);

}  // namespace sightline::security
