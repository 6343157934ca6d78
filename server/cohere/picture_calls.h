// Calls to Cohere for pictures: which go together.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/cancellation.h"
#include "base/timer.h"
#include "server/cohere/cohere_client.h"
#include "server/cohere/embed_body.h"
#include "server/serving/upstream.h"

namespace sightline::cohere {

/// A request that waits for vectors of pictures. `items` are its own numbers for them, in any order.
class PictureWaiter {
 public:
  virtual ~PictureWaiter() = default;
  /// Cancelled when the request has its answer, or nobody waits for it any more.
  virtual const std::shared_ptr<Cancellation>& cancellation() const = 0;
  virtual void take(const std::vector<std::size_t>& items, serving::Embeddings vectors) = 0;
  virtual void fail(const std::vector<std::size_t>& items, serving::UpstreamFailure failure) = 0;
};

/// Sends pictures to Cohere, as many in one call as the model accepts, also those of several requests: Elasticsearch
/// sends one request per document.
///
/// Flow: 1. `add` puts a picture into the open call of its terms. The call is sent when it has `Terms::most` pictures
///          or the next one would make it longer than Cohere accepts, and at the latest after `wait`.
///       2. The body is made when it is the call's turn, without the pictures of requests that are over by then. If all
///          are, the call ends.
///       3. Each request gets its own vectors. If Cohere refuses a call because of an input (400, 413, 422), it is
///          repeated for each request alone, so that a picture fails only its own request. Any other failure is the
///          failure of all.
/// Thread safety: all members may be called from any thread.
class PictureCalls : public std::enable_shared_from_this<PictureCalls> {
 public:
  /// Pictures of equal terms may go together, if their deadlines are close to each other.
  struct Terms {
    std::string key;
    BodyHead head;
    std::string input_type;  ///< of contents of several parts; empty: lone pictures
    models::Truncate truncate = models::Truncate::end;
    std::size_t dims = 0;  ///< of the vectors; 0: not known
    serving::Lane lane = serving::Lane::document;
    Timer::TimePoint deadline = Timer::TimePoint::max();
    std::size_t most = 1;  ///< pictures in one call
  };
  struct Item {
    std::shared_ptr<PictureWaiter> waiter;
    std::size_t number = 0;  ///< the waiter's
    Parts parts;             ///< their bytes stay as long as the waiter
  };

  /// `client` and `timer` must outlive this.
  PictureCalls(CohereClient& client, Timer& timer, std::chrono::milliseconds wait)
      : client_(client), timer_(timer), wait_(wait) {}

  void add(const Terms& terms, Item item);
  /// Sends the open call of these terms now, if there is one.
  void flush(const Terms& terms);
  /// Returns when all calls have ended. The client must have been shut down: it ends them, also those that come later.
  /// Must be called before the client is destroyed.
  void stop();

 private:
  class Batch;
  using BatchPtr = std::shared_ptr<Batch>;
  /// Notes the end of a call when it is destroyed.
  struct Landed {
    PictureCalls& calls;
    ~Landed();
  };
  BatchPtr opened(const Terms& terms, const std::string& name);
  /// Of a batch that is counted in `under_way_`.
  void send(const BatchPtr& batch);
  void send_if_open(const std::string& name, const std::weak_ptr<Batch>& batch);

  CohereClient& client_;
  Timer& timer_;
  const std::chrono::milliseconds wait_;
  std::mutex mutex_;
  std::map<std::string, BatchPtr> open_;  // by the name of their terms
  std::size_t under_way_ = 0;             // calls that are not open any more, and have not ended
  std::condition_variable landed_;
  bool stopped_ = false;
};

}  // namespace sightline::cohere
