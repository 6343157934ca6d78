// Receives the events of server/serving; metrics are made from this.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "server/serving/embed_request.h"

namespace sightline::serving {

/// Called from the preprocessing threads and the model thread, so implementations must be quick and thread
/// safe. Durations are in seconds.
class Observer {
 public:
  virtual ~Observer() = default;
  /// A text was tokenized or a picture decoded, resized and cropped.
  virtual void input_prepared(const std::string& /*model*/, Modality, double /*seconds*/, bool /*truncated*/) {}
  /// The cache of vectors was asked for a request's inputs of one modality: `hits` need not be computed,
  /// `misses` must.
  virtual void inputs_looked_up(const std::string& /*model*/, Modality, std::size_t /*hits*/, std::size_t /*misses*/) {}
  /// A request was answered in which as many of the hits are texts that had been cut.
  virtual void truncated_texts_reused(const std::string& /*model*/, std::size_t /*count*/) {}
  /// A prepared input left the queue for the model after `seconds`.
  virtual void input_waited(const std::string& /*model*/, Lane, double /*seconds*/) {}
  /// An input left the queue unrun, or its batch was abandoned.
  virtual void input_dropped(const std::string& /*model*/, ErrorCode /*reason*/) {}
  /// `seconds` are the batch's own, without those of batches that ran between its steps.
  virtual void batch_ran(const std::string& /*model*/, Modality, std::size_t /*items*/, double /*seconds*/) {}
  /// The same batch, of queries, ran between the steps of another.
  virtual void batch_interleaved(const std::string& /*model*/) {}
};

/// Runs an observer: if it fails, only a number is missing.
template <class Work>
void unharmed(Work&& work) noexcept {
  try {
    work();
  } catch (...) {
  }
}

}  // namespace sightline::serving
