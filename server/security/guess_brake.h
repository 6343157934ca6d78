// Slows down clients that guess keys.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sightline::security {

/// Counts the wrong keys of each address. The first few are answered at once, further ones after a delay, until
/// none has come for a while. Requests with a valid key are not affected: clients that share an address
/// with a guesser, behind a proxy, are served as before.
/// Thread safety: all members may be called from any thread.
class GuessBrake {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::size_t free_failures = 10;                  ///< of one address, answered at once
    std::chrono::milliseconds delay{1'000};          ///< of the answers to further ones
    std::chrono::milliseconds forget_after{60'000};  ///< without a failure, an address is as new
    std::size_t max_addresses = 4096;                ///< remembered; past it, all are forgotten
  };

  explicit GuessBrake(const Options& options) : options_(options) {}
  GuessBrake() : GuessBrake(Options()) {}

  /// Counts a wrong key, and returns the delay for its answer.
  std::chrono::milliseconds failure(const std::string& address, Clock::time_point now = Clock::now()) {
    const std::lock_guard lock(mutex_);
    if (failures_.size() >= options_.max_addresses && !failures_.contains(address)) failures_.clear();
    auto& of_address = failures_[address];
    if (now - of_address.last > options_.forget_after) of_address.count = 0;
    of_address.last = now;
    ++of_address.count;
    return of_address.count > options_.free_failures ? options_.delay : std::chrono::milliseconds(0);
  }

 private:
  struct Failures {
    std::size_t count = 0;
    Clock::time_point last{};
  };

  const Options options_;
  std::mutex mutex_;
  std::unordered_map<std::string, Failures> failures_;
};

}  // namespace sightline::security
