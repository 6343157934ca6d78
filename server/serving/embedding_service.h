// The only connection between request formats and models.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/serving/batch_queue.h"
#include "server/serving/embed_request.h"
#include "server/serving/embedding_cache.h"
#include "server/serving/model_registry.h"
#include "server/serving/preparation_pool.h"
#include "server/serving/watchdog.h"

namespace sightline::serving {

/// Embeds requests.
///
/// Flow: 1. `embed` finds the model. What the pictures will cost is read from their headers: a request whose
///          pictures are too many and too large to decode, or one of which takes more memory than all may, is
///          refused before any is, whether their vectors are kept or not.
///       2. Inputs whose vectors are kept (EmbeddingCache) need nothing more. If all are, the request is
///          answered at once. Each of the others, equal ones once, takes a place in the model's queue, or the
///          request is refused.
///       3. The preparation pool tokenizes and decodes, each input by itself.
///       4. The batch queue runs what is ready, with inputs of other requests.
///       5. Results come back by index. When the last is there the callback gets them all, or one error:
///          that of the first bad input, with its place (`input 3: ...`, counted from 0). After an error
///          the request's other inputs are not run; other requests in the same batch are not affected.
///       6. The preparation pool calls back with vectors, so that building answers does not delay the model.
/// Thread safety: all members may be called from any thread.
class EmbeddingService {
 public:
  struct Options {
    std::vector<ModelSpec> models;
    BatchQueue::Options queue;
    Watchdog::Options watchdog;
    PreparationPool::Options preparation;
    EmbeddingCache::Options cache;
    /// To decode for one request (models::PictureCost), pictures whose vectors are kept included: whether a
    /// request is too large must not depend on what came before.
    std::uint64_t max_request_pixels = 1'000'000'000;
    ModelRegistry::Fingerprint fingerprint;  ///< may be empty
  };
  /// Called exactly once: with vectors on a preparation thread, on the caller's where all were kept, or on the model
  /// thread where there is none of the first any more (no memory, or after `stop`); with an error on one of these.
  /// Must not block.
  using Callback = std::function<void(Result<Embeddings>)>;

  /// Errors: invalid_argument (options). Models are not loaded yet. `timer` and `observer` must outlive the
  /// service.
  static Result<std::unique_ptr<EmbeddingService>> create(const Options& options, ModelRegistry::Loader loader,
                                                          Timer& timer, Observer& observer);
  ~EmbeddingService();

  /// Loads and warms up all models; until then `embed` answers `overloaded`. Errors: that of the first model
  /// that failed.
  Status load_models() { return registry_->load_all(); }

  /// Errors: not_found, too_large, overloaded, deadline_exceeded, cancelled, internal, and an input's own.
  void embed(std::string_view model, std::vector<Input> inputs, EmbedOptions options, Callback done);

  std::vector<ModelStatus> models() const { return registry_->list(); }
  /// Why the server is not ready for requests; empty: ready.
  std::vector<std::string> problems() const { return watchdog_->problems(); }

  struct ModelLoad {
    std::string model;
    BatchQueue::Load load;
  };
  /// How full the queues of the loaded models are.
  std::vector<ModelLoad> loads() const;
  /// What is kept of inputs of that modality.
  EmbeddingCache::Stats kept(Modality modality) const { return cache_.stats(modality); }

  /// Finishes what was accepted; what has not reached the model by `drain_until` is answered `overloaded`.
  void stop(Timer::TimePoint drain_until);

 private:
  class Job;
  EmbeddingService(const Options& options, Timer& timer, Observer& observer)
      : max_picture_bytes_(options.preparation.max_bytes),
        max_request_pixels_(options.max_request_pixels),
        timer_(timer),
        observer_(observer),
        cache_(options.cache) {}
  Result<std::vector<models::PictureCost>> costs_of(const models::Embedder& embedder,
                                                    const std::vector<Input>& inputs) const;
  void report(const std::string& model, const EmbeddingCache::KnownAnswers& known);
  Status check_alive(const std::string& model, const EmbedOptions& options);
  Embeddings completed(const std::string& model, const EmbeddingCache::KnownAnswers& known, Embeddings computed);
  void compute(ModelRegistry::Model& model, std::vector<Input> inputs, const std::vector<models::PictureCost>& costs,
               std::vector<EmbeddingCache::Key> keys, EmbedOptions options, Callback done);

  const std::size_t max_picture_bytes_;
  const std::uint64_t max_request_pixels_;
  Timer& timer_;
  Observer& observer_;
  EmbeddingCache cache_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<BatchQueue> queue_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<PreparationPool> pool_;
  std::unique_ptr<Watchdog> watchdog_;
};

}  // namespace sightline::serving
