// GET /v1/projections/{index}: the places of an index's pictures on a map.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/lru_cache.h"
#include "server/web/projection/index_vectors.h"

namespace sightline::web {

/// The parameters of a request.
struct ProjectionRequest {
  enum class Method { tsne, pca };
  static constexpr std::size_t k_default_max = 5'000, k_largest_max = 20'000;

  std::string index, field;  ///< no field: the only one with vectors
  std::size_t max = k_default_max;
  Method method = Method::tsne;
};
/// Reads `index` and the parameters `field`, `max` and `method`. Refused: any other, values out of bounds, a name that
/// may stand for several indices.
Read<ProjectionRequest> read_projection_request(const std::string& index, const http::Request& request);

/// Makes maps of the vectors of indices.
///
/// Flow: 1. `answer` describes the index and reads the ids of its documents, on the calling thread.
///       2. If the same caller has requested the same documents before, the answer is cached.
///       3. Else the request waits for a separate thread of low priority, which makes one map at a time: it reads the
///          vectors, finds their principal components, and places them (neighbour_map.h).
///       4. The work for a client that has disconnected is not started, or is aborted.
/// The same documents give the same map. Thread safety: all members may be called from any thread.
class Projections {
 public:
  struct Options {
    std::size_t max_waiting = 8;                ///< maps to be made; a further one is refused with 429
    std::size_t max_vector_bytes = 128u << 20;  ///< of one map; more is refused before any is read
    std::size_t max_cached_bytes = 32u << 20;   ///< of answers
  };
  using Answer = Read<std::string>;  ///< JSON
  using Answered = std::function<void(Answer)>;

  /// `ask` is called from the thread that calls `answer`, and from this object's own.
  explicit Projections(AskElasticsearch ask) : Projections(std::move(ask), Options()) {}
  Projections(AskElasticsearch ask, Options options);
  /// Ends what is being made; what waits is dropped.
  ~Projections();

  /// Calls `answered` once, at once or later, or destroys it if the work was cancelled. `cancellation`: of the request.
  void answer(const ProjectionRequest& request, const elastic::Caller& caller, Answered answered);

 private:
  struct Job;

  void run();
  Answer make(const Job& job);

  const AskElasticsearch ask_;
  const Options options_;
  LruCache<std::string> answers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  ///< this and what follows: under mutex_
  std::deque<std::unique_ptr<Job>> waiting_;
  std::shared_ptr<Cancellation> current_;  ///< of the map that is being made
  std::thread thread_;
};

}  // namespace sightline::web
