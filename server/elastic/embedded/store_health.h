// Whether a store's writes work, and one log line when that changes.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace sightline::elastic {

/// Thread safety: all members may be called from any thread.
class StoreHealth {
 public:
  /// `warn` may be empty.
  explicit StoreHealth(std::function<void(const std::string&)> warn) : warn_(std::move(warn)) {}

  /// Something is wrong with the files.
  void found(const std::string& problem) { change(problem, false); }
  /// A write failed; until one works again.
  void failed(const std::string& problem) { change("writing failed: " + problem, true); }
  void works() { change("", false); }

  std::string problem() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return problem_;
  }
  bool write_failed() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return write_failed_;
  }

 private:
  void change(const std::string& problem, bool write_failed) {
    const std::lock_guard<std::mutex> lock(mutex_);
    write_failed_ = write_failed || (write_failed_ && !problem.empty());
    // Writes fail in several ways for one cause: the first is enough for the log.
    if (problem == problem_ || (write_failed && !problem_.empty())) return;
    problem_ = problem;
    if (warn_) warn_(problem.empty() ? "the store can be written again" : problem);
  }

  const std::function<void(const std::string&)> warn_;
  mutable std::mutex mutex_;
  std::string problem_;
  bool write_failed_ = false;
};

}  // namespace sightline::elastic
