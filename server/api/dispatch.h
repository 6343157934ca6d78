// Chooses the embedder for a model's name.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expiries.h"
#include "server/api/exchange.h"
#include "server/api/input.h"
#include "server/api/label_book.h"
#include "server/serving/embedding_service.h"
#include "server/serving/upstream.h"

namespace sightline::api {

class PictureFetcher;

struct EmbedLimits {
  InputLimits inputs;
  std::chrono::milliseconds query_timeout{10'000};  ///< Elasticsearch gives up on a query's vector after 10 s
  std::chrono::milliseconds document_timeout{120'000};
};

/// What request handlers work with.
struct Context {
  serving::EmbeddingService& service;
  Timer& timer;
  Metrics& metrics;
  EmbedLimits limits;
  const LabelBook& labels;
  Expiries& expiries;                     ///< of requests that are to be answered by a time
  serving::Upstream* upstream = nullptr;  ///< null: all models run here
  PictureFetcher* fetcher = nullptr;      ///< null: links are refused (InputLimits::fetches_links)
};

/// What is known of a model by its name; nullopt: there is none of that name, or it is not loaded yet.
std::optional<models::ModelInfo> model_info(const Context& context, std::string_view model);

/// True if requests for `model` are forwarded. A local model takes precedence over an upstream one of the same name.
bool is_upstream(const Context& context, std::string_view model);
/// The properties of such a model; nullopt: it is not forwarded, or unknown.
std::optional<serving::UpstreamModel> upstream_model(const Context& context, std::string_view model);

/// True if `model` is one of those that GET /v1/models lists, loaded or not.
bool is_known(const Context& context, std::string_view model);

/// Embeds with the model of that name: the only place where names are resolved. `exchange` is the request on
/// whose behalf it is done; where an upstream fails it is answered, with the upstream's status, and `done` is
/// not called. For `done` and errors else see EmbeddingService::embed.
void embed_by_name(const Context& context, const ExchangePtr& exchange, std::string_view model,
                   std::vector<serving::Input> inputs, serving::EmbedOptions options,
                   serving::EmbeddingService::Callback done);

}  // namespace sightline::api
