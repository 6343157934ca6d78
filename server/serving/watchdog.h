// Whether the models still answer, and correctly.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/serving/model_registry.h"

namespace sightline::serving {

/// Embeds each model's probe input again and again, through the queue as a query would go, and compares the
/// vector with the one from warm-up.
///
/// Flow: 1. Every `interval` a probe is sent to each loaded model whose last one came back.
///       2. A vector that differs makes the model `failed`: requests are refused until one is right again.
///       3. `problems` names the models that are not ready, and those whose last right answer is older than
///          `max_age`: the model thread hangs, or cannot keep up.
///       4. If a probe waits and the model thread finishes nothing for `limit`, not even a step of a pass, the thread
///          hangs. Nothing in the process can end it, so `stuck` is called once. A slow model is never stuck: each of
///          its steps counts. Time in which the watchdog itself did not run, as in a frozen process, does not count.
/// Thread safety: all members may be called from any thread.
class Watchdog {
 public:
  struct Options {
    std::chrono::milliseconds interval{10'000};  ///< 0: no probes; readiness is then that of the models' states
    std::chrono::milliseconds max_age{60'000};   ///< longer than any batch may take
    double tolerance = 1e-3;                     ///< of 1 - cosine: batches and short floats round differently
    std::chrono::milliseconds limit{0};          ///< longer than any step may take; 0: `stuck` is never called
    /// Called on the watchdog's thread with the reason, also without memory. Must not throw. May be empty.
    std::function<void(const std::string& reason)> stuck;
  };

  Watchdog(const Options& options, ModelRegistry& registry, BatchQueue& queue, Timer& timer);
  ~Watchdog();

  /// Why the server is not ready for requests; empty: it is ready.
  std::vector<std::string> problems() const;

  /// Ends the probes. To be called before the queue stops; the watchdog itself must outlive that.
  void stop();

 private:
  struct Probe {
    mutable std::mutex mutex;
    bool running = false;
    Timer::TimePoint last_right{};
  };

  void run();
  void look_for_progress();
  std::string stuck_reason(const ModelRegistry::Model& waiting) const noexcept;
  const ModelRegistry::Model* waiting_model() const;
  static bool is_running(const Probe& probe);
  void send(std::size_t index);
  std::optional<Error> problem_of(const ModelRegistry::Model& model, const Result<std::vector<float>>& vector) const;
  void came_back(Probe& probe, bool right);

  const Options options_;
  ModelRegistry& registry_;
  BatchQueue& queue_;
  Timer& timer_;
  const std::vector<ModelRegistry::Model*> models_;
  std::deque<Probe> probes_;  // by model
  // Of the watchdog's thread alone:
  std::uint64_t progress_ = 0;            // of the model thread, at the last look
  Timer::TimePoint looked_{};             // when that was
  Timer::Clock::duration standstill_{0};  // how long it has not moved
  bool reported_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sightline::serving
