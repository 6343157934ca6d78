// Requests to a model, and their answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancellation.h"
#include "base/request_trace.h"
#include "base/result.h"
#include "base/timer.h"
#include "models/embedder.h"

namespace sightline::serving {

enum class Modality { text, image };

/// Queries run before documents.
enum class Lane { query, document };

inline constexpr std::size_t k_lanes = 2, k_modalities = 2;

inline const char* to_string(Modality modality) {
  return modality == Modality::text ? "text" : "image";
}
inline const char* to_string(Lane lane) {
  return lane == Lane::query ? "query" : "document";
}

/// The error for cancelled work.
inline Error cancelled_error(CancelReason reason) {
  if (reason == CancelReason::stopping) return {ErrorCode::overloaded, "the server is stopping: retry the request"};
  return {ErrorCode::cancelled, "the client disconnected"};
}

/// One input of a request.
struct Input {
  Modality modality = Modality::text;
  std::string bytes;       ///< UTF-8 text, or an encoded picture (JPEG, PNG, ...)
  std::string place = {};  ///< its name in errors, such as "document 3"; empty: "input N" by its index
};

struct EmbedOptions {
  Lane lane = Lane::document;
  models::Truncate truncate = models::Truncate::end;
  Timer::TimePoint deadline = Timer::TimePoint::max();  ///< work that has not begun by then is dropped
  std::shared_ptr<Cancellation> cancellation;           ///< cancelled when the answer is no longer needed; null: never
  std::shared_ptr<RequestTrace> trace;                  ///< where the stages of its inputs are noted; null: nowhere

  // For upstream models (upstream.h); local models use none of these.
  /// The client's input type, a word in lower case (`query`, `search_document`, `clustering` ...);
  /// empty: not said.
  std::string input_type;
  std::optional<std::size_t> dimensions;  ///< length of the vectors, if the client requests one
  std::vector<std::size_t> parts;         ///< how many inputs get one vector together; empty: one each
};

/// The answer for one input.
struct Embedding {
  std::vector<float> values;            ///< `ModelInfo::dims` floats of unit length
  std::size_t tokens = 0;               ///< of a text, with BOS and EOS, after truncation; 0 for a picture
  bool truncated = false;               ///< the text was cut to the model's limit
  std::uint32_t width = 0, height = 0;  ///< of the original picture, pixels; 0 for a text
};

/// One entry an input, in input order.
using Embeddings = std::vector<Embedding>;

}  // namespace sightline::serving
