// Models that another server runs: requests and answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/serving/embed_request.h"

namespace sightline::serving {

/// One request for an upstream model.
struct UpstreamRequest {
  std::string model;
  std::vector<Input> inputs;
  /// The field Authorization of the client's request; empty: none.
  std::string authorization;
  EmbedOptions options;
};

/// Why an upstream gave no vectors.
struct UpstreamFailure {
  int status = 502;  ///< for the client: the upstream's own where the fault is the client's
  std::string message;
  std::optional<std::chrono::seconds> retry_after;  ///< for the field Retry-After
};

/// The known properties of an upstream model.
struct UpstreamModel {
  std::string name;
  std::uint32_t dims = 0;        ///< floats per vector, unless the client requests another number
  std::uint32_t max_tokens = 0;  ///< of a text
  std::string description = {};  ///< for users; may be empty
  std::uint32_t pictures_per_call = 1;
  /// Budgets set by the operator; 0: only those of the server that runs the model.
  std::uint32_t pictures_per_minute = 0, calls_per_minute = 0;
};

/// Another server that embeds, in addition to the local models.
/// Thread safety: all members may be called from any thread.
class Upstream {
 public:
  using Answer = Result<Embeddings, UpstreamFailure>;
  /// Called exactly once, from any thread, perhaps before `embed` returns; must not block.
  using Callback = std::function<void(Answer)>;

  virtual ~Upstream() = default;
  /// True if models of this name are run there.
  virtual bool serves(std::string_view model) const = 0;
  /// Those that it is known to have; it may serve others too.
  virtual std::vector<UpstreamModel> models() const = 0;
  /// True if the model makes one vector of several parts (EmbedOptions::parts).
  virtual bool fuses(std::string_view) const { return false; }
  /// Answers one vector per content, in their order, or one failure that names the input.
  virtual void embed(UpstreamRequest request, Callback done) = 0;
};

}  // namespace sightline::serving
