// The one door between request shapes and models.
#pragma once

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
#include "server/serving/model_registry.h"
#include "server/serving/preparation_pool.h"
#include "server/serving/watchdog.h"

namespace sightline::serving {

/// Embeds requests.
///
/// Flow: 1. `embed` finds the model and takes a place in its queue for each input, or refuses at once.
///          What its pictures will cost is read from their headers: a request whose pictures are too many and
///          too large to decode, or one of which takes more memory than all may, is refused before any is.
///       2. The preparation pool tokenizes and decodes, each input by itself.
///       3. The batch queue runs what is ready, with inputs of other requests.
///       4. Results come back by index. When the last is there the callback gets them all, or one error:
///          that of the first bad input, with its place (`input 3: ...`, counted from 0). After an error
///          the request's other inputs are not run; other requests in the same batch do not notice.
///       5. The preparation pool calls back with vectors, as what is made of them would keep the model waiting.
/// Thread safety: all members may be called from any thread.
class EmbeddingService {
 public:
  struct Options {
    std::vector<ModelSpec> models;
    BatchQueue::Options queue;
    Watchdog::Options watchdog;
    PreparationPool::Options preparation;
    std::uint64_t max_request_pixels = 1'000'000'000;  ///< to decode for one request (models::PictureCost)
    ModelRegistry::Fingerprint fingerprint;            ///< may be empty
  };
  /// Called exactly once: with vectors on a preparation thread, or on the model thread where there is none any
  /// more (no memory, or after `stop`); with an error on one of these or the caller's. Must not block.
  using Callback = std::function<void(Result<Embeddings>)>;

  /// Errors: invalid_argument (options). Models are not loaded yet. `clock` and `observer` must outlive the
  /// service.
  static Result<std::unique_ptr<EmbeddingService>> create(const Options& options,
                                                          ModelRegistry::Loader loader, Clock& clock,
                                                          Observer& observer);
  ~EmbeddingService();

  /// Loads and warms up all models; until then `embed` answers `overloaded`. Errors: that of the first model
  /// that failed.
  Status load_models() { return registry_->load_all(); }

  /// Errors: not_found, too_large, overloaded, deadline_exceeded, cancelled, internal, and an input's own.
  void embed(std::string_view model, std::vector<Input> inputs, EmbedOptions options, Callback done);

  std::vector<ModelStatus> models() const { return registry_->list(); }
  /// Why this server should get no requests now; empty: ready.
  std::vector<std::string> problems() const { return watchdog_->problems(); }

  struct ModelLoad {
    std::string model;
    BatchQueue::Load load;
  };
  /// How full the queues of the loaded models are.
  std::vector<ModelLoad> loads() const;

  /// Finishes what was accepted; what has not reached the model by `drain_until` is answered `overloaded`.
  void stop(Clock::time_point drain_until);

 private:
  class Job;
  EmbeddingService(const Options& options, Clock& clock, Observer& observer)
      : max_picture_bytes_(options.preparation.max_bytes),
        max_request_pixels_(options.max_request_pixels),
        clock_(clock),
        observer_(observer) {}
  Result<std::vector<PreparationPool::Task>> tasks_of(const models::Embedder& embedder,
                                                      const std::vector<Input>& inputs) const;

  const std::size_t max_picture_bytes_;
  const std::uint64_t max_request_pixels_;
  Clock& clock_;
  Observer& observer_;
  std::unique_ptr<BatchQueue> queue_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<PreparationPool> pool_;
  std::unique_ptr<Watchdog> watchdog_;
};

}  // namespace sightline::serving
