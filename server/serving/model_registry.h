// The models of the server: loading, state, and whether they still answer correctly.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/embedder.h"
#include "server/serving/batch_queue.h"

namespace sightline::serving {

enum class ModelState {
  loading,  ///< not started, or being read and warmed up
  ready,
  failed,  ///< not loaded, or its watchdog vector is wrong; `ModelStatus::reason` says why
};

const char* to_string(ModelState state);

struct ModelSpec {
  std::string name;
  models::Embedder::Options embedder;
};

/// The state of a model.
struct ModelStatus {
  std::string name;
  ModelState state = ModelState::loading;
  std::string reason;                     ///< why it failed
  std::optional<models::ModelInfo> info;  ///< once loaded
  std::string fingerprint;                ///< which model it is (models::model_fingerprint); once loaded
  bool loaded = false;                    ///< was ready once; stays true if it fails later
  Timer::TimePoint loaded_at{};
  std::chrono::system_clock::time_point loaded_on{};  ///< the same on the calendar
  double load_seconds = 0;                            ///< reading and warming up
};

/// Owns the models. Their number and names are fixed; states change.
///
/// Flow: 1. `load_all` loads each on the model thread (so that the thread pools below belong to it), warms
///          it up, keeps the vector of a probe input, and opens its share of the queue.
///       2. `find` gives requests a model that may be used.
///       3. The Watchdog repeats the probe and reports through `report_probe`.
/// Thread safety: all members may be called from any thread.
class ModelRegistry {
 public:
  using Loader = std::function<Result<std::unique_ptr<models::Embedder>>(const models::Embedder::Options& options)>;
  /// Which model a folder holds (models::model_fingerprint). Empty: not asked.
  using Fingerprint = std::function<Result<std::string>(const models::Embedder::Options& options)>;

  class Model {
   public:
    const std::string& name() const { return spec_.name; }
    /// Its settings, such as limits on pictures.
    const models::Embedder::Options& options() const { return spec_.embedder; }
    ModelStatus status() const;
    /// Which vectors are interchangeable: another number each time that the model is loaded, and each
    /// time that the watchdog finds its vectors wrong or right again. No two models ever have the same.
    std::uint64_t edition() const;

    // These may be called once the model is `loaded`.
    const models::Embedder& embedder() const { return *embedder_; }
    BatchQueue::Account& account() const { return *account_; }
    /// The probe input, and the vector it had after warm-up.
    const models::Prepared& probe() const { return probe_; }
    const std::vector<float>& probe_vector() const { return probe_vector_; }

   private:
    friend class ModelRegistry;
    ModelSpec spec_;
    std::unique_ptr<models::Embedder> embedder_;
    BatchQueue::Account* account_ = nullptr;
    models::Prepared probe_;
    std::vector<float> probe_vector_;
    mutable std::mutex mutex_;
    ModelStatus status_;
    std::uint64_t edition_ = 0;
  };

  /// `queue` must outlive the registry's use, and be stopped before the registry goes.
  /// A name has up to 96 letters, digits, '.', '_' and '-', and may have single slashes inside, as names at
  /// Hugging Face have. Errors: invalid_argument (no model, a name twice, another name).
  static Result<std::unique_ptr<ModelRegistry>> create(std::vector<ModelSpec> specs, Loader loader, BatchQueue& queue,
                                                       Timer& timer, Fingerprint fingerprint = {});

  /// Loads all models, one after the other, and waits. A model that fails leaves the others alone; the error
  /// is of the first that failed.
  Status load_all();

  /// A model that may be used now. Errors: not_found (with the names known), overloaded (still loading),
  /// internal (failed).
  Result<Model*> find(std::string_view name);

  /// The models in the order of their specs.
  std::vector<Model*> models();
  std::vector<ModelStatus> list() const;

  /// What the watchdog found; an Error makes a ready model `failed`, its absence makes it ready again.
  void report_probe(Model& model, const std::optional<Error>& problem);

 private:
  ModelRegistry(Loader loader, BatchQueue& queue, Timer& timer, Fingerprint fingerprint)
      : loader_(std::move(loader)), fingerprint_(std::move(fingerprint)), queue_(queue), timer_(timer) {}
  Status load(Model& model);
  Status load_on_this_thread(Model& model);
  Status probe_on_this_thread(Model& model);

  const Loader loader_;
  const Fingerprint fingerprint_;
  BatchQueue& queue_;
  Timer& timer_;
  std::atomic<std::uint64_t> editions_{0};
  std::deque<Model> models_;  // a Model never moves
};

}  // namespace sightline::serving
