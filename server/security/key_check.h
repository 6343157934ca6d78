// Decides by its key whether a request may be served.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/security/api_keys.h"
#include "server/security/guess_brake.h"

namespace sightline::security {

/// The keys of a server, for all of its ports. Thread safety: all members may be called from any thread.
class KeyCheck {
 public:
  explicit KeyCheck(ApiKeys keys) : keys_(std::make_shared<const ApiKeys>(std::move(keys))) {}

  enum class Outcome {
    admitted,
    missing,  ///< the request has no key
    wrong,    ///< no such key
    expired,
    forbidden,  ///< the key lacks the scope
  };
  struct Verdict {
    Outcome outcome = Outcome::missing;
    std::string name;  ///< of the key, unless it is missing or wrong
  };

  /// `presented`: the texts of a request that may be keys (`keys_in`).
  Verdict judge(const std::vector<std::string>& presented, Scope scope,
                std::chrono::system_clock::time_point now = std::chrono::system_clock::now()) const;

  /// Counts a wrong key of an address, and returns the delay of its answer (GuessBrake).
  std::chrono::milliseconds wrong_key(const std::string& address) { return guesses_.failure(address); }

  /// From now on these keys are valid, and no others.
  void replace(ApiKeys keys);

 private:
  std::shared_ptr<const ApiKeys> current() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const ApiKeys> keys_;
  GuessBrake guesses_;
};

}  // namespace sightline::security
