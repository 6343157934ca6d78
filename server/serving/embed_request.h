// What is asked of a model, and what comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancellation.h"
#include "base/result.h"
#include "models/embedder.h"
#include "server/serving/clock.h"

namespace sightline::serving {

enum class Modality { text, image };

/// Someone waits for a query; documents can wait for it.
enum class Lane { query, document };

inline constexpr std::size_t k_lanes = 2, k_modalities = 2;

inline const char* to_string(Modality modality) {
  return modality == Modality::text ? "text" : "image";
}
inline const char* to_string(Lane lane) {
  return lane == Lane::query ? "query" : "document";
}

/// What work is answered with that was cancelled.
inline Error cancelled_error(CancelReason reason) {
  if (reason == CancelReason::stopping)
    return {ErrorCode::overloaded, "the server is stopping: send the request again"};
  return {ErrorCode::cancelled, "the client has left"};
}

/// One input of a request.
struct Input {
  Modality modality = Modality::text;
  std::string bytes;       ///< UTF-8 text, or an encoded picture (JPEG, PNG, ...)
  std::string place = {};  ///< how errors call it, as "document 3"; empty: "input N" by its index
};

struct EmbedOptions {
  Lane lane = Lane::document;
  models::Truncate truncate = models::Truncate::end;
  Clock::time_point deadline = Clock::time_point::max();  ///< work that has not begun by then is dropped
  std::shared_ptr<Cancellation> cancellation;  ///< cancelled once nobody waits for the answer; null: never

  // For upstream models (upstream.h); those that run here look at neither.
  /// What the client says its texts are, a word of lower case (`query`, `search_document`, `clustering` ...);
  /// empty: not said.
  std::string input_type;
  std::optional<std::size_t> dimensions;  ///< length of the vectors, where the client asks for one
};

/// The answer for one input.
struct Embedding {
  std::vector<float> values;            ///< `ModelInfo::dims` floats of unit length
  std::size_t tokens = 0;               ///< of a text, with BOS and EOS, after truncation; 0 for a picture
  bool truncated = false;               ///< the text was cut to the model's limit
  std::uint32_t width = 0, height = 0;  ///< of the picture as it came, pixels; 0 for a text
};

/// One entry an input, in input order.
using Embeddings = std::vector<Embedding>;

}  // namespace sightline::serving
