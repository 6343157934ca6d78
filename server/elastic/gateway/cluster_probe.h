// What the cluster behind a gateway is, and what it can do by itself.
#pragma once

#include <string>

#include "base/timer.h"
#include "server/elastic/definitions/short_cache.h"
#include "server/elastic/inference/native_inference.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

enum class GatewayMode {
  automatic,  ///< what the cluster can do itself is left to it
  always,     ///< inference is always the gateway's
};

/// Asks the cluster, as the caller: `GET /`, `GET /_license`, `GET /_inference/_all`. Inference is the
/// cluster's if it can call the user's own servers (8.19, 9.1, serverless), has the API, and its licence
/// (enterprise or trial, active) allows it; what is unknown counts as no. Answers are cached for a
/// minute; a cluster that does not answer is probed again after a few seconds, and until it answers it counts as what it
/// was for that caller before. `knows` is cached for a second.
/// Thread safety: all members may be called from any thread; they block.
class ClusterProbe final : public NativeInference {
 public:
  struct Findings {
    bool reachable = false;
    std::string version;  ///< "9.2.0"; empty if unknown
    std::string licence;  ///< "basic", "trial", ...; empty if unknown
    bool native = false;
    std::string reason;  ///< of `native`: one sentence
  };

  /// `store` (the cluster) and `timer` must outlive the probe.
  ClusterProbe(Store& store, const Timer& timer, GatewayMode mode)
      : store_(store), timer_(timer), mode_(mode), findings_(timer), settled_(timer), known_(timer) {}

  /// As they are now.
  Findings findings(const Caller& caller);

  bool available(const Caller& caller) override;
  Answer<bool> knows(const Caller& caller, const std::string& model_id) override;

 private:
  enum class Outcome {
    settled,
    unsettled,  ///< the answer may soon be another
    none,       ///< the cluster did not answer, or said that it is busy
  };
  Findings ask(const Caller& caller, Outcome& outcome);
  Answer<bool> exists(const Caller& caller, const std::string& path);

  Store& store_;
  const Timer& timer_;
  const GatewayMode mode_;
  ShortCache<Findings> findings_;
  ShortCache<Findings> settled_;  ///< the last ones, for when the cluster does not answer
  ShortCache<bool> known_;
};

}  // namespace sightline::elastic
