// What the cluster behind the front does by itself.
#pragma once

#include <string>

#include "server/elastic/caller.h"
#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// Asked before the front does what the store might do itself. Where a cluster can run inference it is left
/// to it; an endpoint or a pipeline is in one place only, there or in the front's index. Thread safety: all
/// members may be called from any thread; they may block.
class NativeInference {
 public:
  virtual ~NativeInference() = default;
  /// True if the store creates, stores and calls new endpoints: it has the API, its licence allows it, and
  /// no option of the operator says otherwise.
  virtual bool available(const Caller& caller) = 0;
  /// True if the store can run inference with that id by itself: it has such an endpoint, and inference is
  /// `available`; or it has a trained model of that id, for which older licences are enough.
  virtual Answer<bool> knows(const Caller& caller, const std::string& model_id) = 0;
};

/// Of a store that can do nothing of the kind: the local one.
class NoNativeInference final : public NativeInference {
 public:
  bool available(const Caller&) override { return false; }
  Answer<bool> knows(const Caller&, const std::string&) override { return false; }
};

}  // namespace sightline::elastic
