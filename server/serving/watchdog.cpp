#include "server/serving/watchdog.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

namespace sightline::serving {
namespace {

/// 1 - cosine of two unit vectors; infinite if their lengths differ.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  return 1.0 - std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

Watchdog::Watchdog(const Options& options, ModelRegistry& registry, BatchQueue& queue, Timer& timer)
    : options_(options),
      registry_(registry),
      queue_(queue),
      timer_(timer),
      models_(registry.models()),
      probes_(models_.size()) {
  if (options_.interval.count() > 0) thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  stop();
}

void Watchdog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::vector<std::string> Watchdog::problems() const {
  std::vector<std::string> problems;
  const Timer::TimePoint now = timer_.now();
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const ModelStatus status = models_[i]->status();
    if (status.state == ModelState::loading) problems.push_back("model [" + status.name + "] is loading");
    if (status.state == ModelState::failed) problems.push_back(status.reason);
    if (status.state != ModelState::ready || options_.interval.count() == 0) continue;
    const std::lock_guard lock(probes_[i].mutex);
    const auto age = now - std::max(status.loaded_at, probes_[i].last_right);  // warm-up was the first probe
    if (age <= options_.max_age) continue;
    problems.push_back("model [" + status.name + "] gave no correct answer to the watchdog for " +
                       std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) + " s");
  }
  return problems;
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  Timer::TimePoint next = timer_.now() + options_.interval;
  while (!stopping_) {
    if (timer_.now() < next) {
      timer_.wait_until(changed_, lock, next);
      continue;
    }
    next = timer_.now() + options_.interval;
    lock.unlock();
    look_for_progress();
    for (std::size_t i = 0; i < models_.size(); ++i) {
      try {
        send(i);
      } catch (...) {  // no memory for the probe
        came_back(probes_[i], false);
      }
    }
    lock.lock();
  }
}

/// Before the probes of this turn are sent: one that waits now has waited since the last look, or longer.
void Watchdog::look_for_progress() {
  const Timer::TimePoint now = timer_.now();
  const BatchQueue::Activity activity = queue_.activity();
  const ModelRegistry::Model* const waiting = waiting_model();
  if (!waiting || activity.runs_call || activity.progress != progress_) {
    standstill_ = {};
  } else {
    standstill_ += std::min<Timer::Clock::duration>(now - looked_, 2 * options_.interval);
  }
  progress_ = activity.progress;
  looked_ = now;
  if (!waiting || reported_ || options_.limit.count() == 0 || standstill_ < options_.limit || !options_.stuck) return;
  reported_ = true;
  options_.stuck(stuck_reason(*waiting));
}

std::string Watchdog::stuck_reason(const ModelRegistry::Model& waiting) const noexcept {
  try {
    return "the model thread hangs: a probe of model [" + waiting.name() + "] waits, and no step of a pass ended for " +
           std::to_string(std::chrono::duration_cast<std::chrono::seconds>(standstill_).count()) + " s";
  } catch (...) {
    return "a model hangs";  // no memory: this short text fits inside std::string
  }
}

/// A model whose probe has not come back; null: none.
const ModelRegistry::Model* Watchdog::waiting_model() const {
  for (std::size_t i = 0; i < models_.size(); ++i) {
    if (is_running(probes_[i])) return models_[i];
  }
  return nullptr;
}

bool Watchdog::is_running(const Probe& probe) {
  const std::lock_guard lock(probe.mutex);
  return probe.running;
}

void Watchdog::send(std::size_t index) {
  ModelRegistry::Model& model = *models_[index];
  Probe& probe = probes_[index];
  // Before anything that may throw: then `run` marks the probe as returned, which one that still waits is not.
  if (is_running(probe)) return;  // its age tells
  if (!model.status().loaded) return;
  {
    const std::lock_guard lock(probe.mutex);
    probe.running = true;  // only this thread sets it
  }
  BatchQueue::Item item;
  item.input = model.probe();
  item.done = [this, &probe, &model](const Result<std::vector<float>>& vector) {
    bool right = false;
    try {
      const std::optional<Error> problem = problem_of(model, vector);
      if (!problem || problem->code == ErrorCode::internal) registry_.report_probe(model, problem);
      right = !problem;
    } catch (...) {  // no memory for the words: the next probe says it
    }
    came_back(probe, right);
  };
  queue_.submit(queue_.admit_probe(model.account()), std::move(item));
}

std::optional<Error> Watchdog::problem_of(const ModelRegistry::Model& model,
                                          const Result<std::vector<float>>& vector) const {
  if (!vector) return Error{vector.error().code, "model [" + model.name() + "]: " + vector.error().message};
  const double off = distance(*vector, model.probe_vector());
  if (off <= options_.tolerance) return std::nullopt;
  return Error{ErrorCode::internal, "model [" + model.name() +
                                        "] no longer reproduces its vector from warm-up (1 - cosine is " +
                                        std::to_string(off) + "): restart the server, check memory and device"};
}

void Watchdog::came_back(Probe& probe, bool right) {
  const std::lock_guard lock(probe.mutex);
  probe.running = false;
  if (right) probe.last_right = timer_.now();
}

}  // namespace sightline::serving
