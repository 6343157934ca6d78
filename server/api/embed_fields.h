// What the request shapes have in common: how inputs are to be embedded, and sending them to the models.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api/exchange.h"
#include "server/api/input.h"
#include "server/api/json.h"
#include "server/serving/embedding_service.h"

namespace sightline::api {

struct EmbedLimits {
  InputLimits inputs;
  std::chrono::milliseconds query_timeout{10'000};  ///< Elasticsearch gives up on a query's vector after 10 s
  std::chrono::milliseconds document_timeout{120'000};
};

/// What request handlers work with.
struct Context {
  serving::EmbeddingService& service;
  serving::Clock& clock;
  Metrics& metrics;
  EmbedLimits limits;
};

/// A request's inputs and how to embed them.
struct EmbedFields {
  std::vector<serving::Input> inputs;
  serving::Lane lane = serving::Lane::document;
  models::Truncate truncate = models::Truncate::end;
};

/// Reads `input`, `input_type`, `modality` and `truncate`; failures are the reader's.
///   - input_type: `query`, `search`, `search_query` go before documents; `""` and null: not given, a
///   document.
///   - modality: `auto` (default), `text`, `image`: see ModalityRule.
///   - truncate: `END` (default), `NONE`.
EmbedFields read_embed_fields(FieldReader& fields, const InputLimits& limits);

/// The query parameter `timeout` (`500ms`, `10s`, `1m`), which can shorten the server's own limit but not
/// lengthen it. Errors: invalid_argument.
Result<std::optional<std::chrono::milliseconds>> read_timeout(const http::Request& request);

/// Embeds and hands the result to `render`, whose text becomes the answer; errors are answered in the route's
/// shape. A header `X-Truncated-Inputs: 0,4` names the texts that were cut.
void embed_and_reply(const Context& context, ExchangePtr exchange, const std::string& model,
                     EmbedFields fields, std::function<std::string(const serving::Embeddings&)> render);

/// Positions of the inputs that were cut, as `0,4`.
std::string truncated_positions(const serving::Embeddings& embeddings);

}  // namespace sightline::api
