// What a `query_vector_builder` requests.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/inference_input.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// Longest waits for a query's vector: xpack.inference.query_timeout for `text_embedding`, and the default of the
/// builder `embedding`, which has a `timeout` (Elasticsearch's InferenceAction.Request.DEFAULT_TIMEOUT).
constexpr std::chrono::milliseconds k_query_timeout{10'000}, k_embedding_timeout{30'000};

/// The vector that an endpoint makes of a text, of a picture, or of several of them together:
///   "text_embedding": {"model_id", "model_text"}; the text may be a data URL
///   "embedding": {"inference_id", "input", "timeout"}; the input is a string, {"type", "format", "value"}, one of
///   these in "content", or a list of objects, which get one vector
struct EmbeddedInput {
  struct Part {
    std::string_view given;  ///< as it came
    std::string made = {};   ///< the data URL that was made of it, if it was bare base64

    std::string_view text() const { return made.empty() ? given : std::string_view(made); }
  };
  rest::JsonTape tape = {};  ///< of the builder, which must outlive this
  std::string endpoint_id = {};
  std::vector<Part> parts = {};  ///< at least one
  InputType type = InputType::internal_search;
  std::chrono::milliseconds timeout = k_query_timeout;
};

/// The vector that a document has: "lookup": {"id", "index", "path", "routing"}.
struct StoredVector {
  std::string id, index, path;
  std::optional<std::string> routing = {};
};

/// A kind of builder that is not known here.
struct UnknownBuilder {};

using QueryVectorBuilder = std::variant<UnknownBuilder, EmbeddedInput, StoredVector>;

/// Reads a builder, `{"kind": {...}}`. Errors: x_content_parse_exception and illegal_argument_exception.
Answer<QueryVectorBuilder> read_query_vector_builder(std::string_view json);

}  // namespace sightline::elastic
