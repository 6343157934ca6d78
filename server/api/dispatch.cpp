#include "server/api/dispatch.h"

#include <algorithm>

namespace sightline::api {
namespace {

bool runs_here(const Context& context, std::string_view model) {
  const auto all = context.service.models();
  return std::any_of(all.begin(), all.end(), [&](const auto& status) { return status.name == model; });
}

void fail(Exchange& exchange, const serving::UpstreamFailure& failure) {
  http::Headers headers;
  if (failure.retry_after) headers.set("Retry-After", std::to_string(failure.retry_after->count()));
  exchange.fail(failure.status, "upstream_error", failure.message, std::move(headers));
}

}  // namespace

bool is_upstream(const Context& context, std::string_view model) {
  return context.upstream && context.upstream->serves(model) && !runs_here(context, model);
}

std::optional<models::ModelInfo> model_info(const Context& context, std::string_view model) {
  for (const serving::ModelStatus& status : context.service.models()) {
    if (status.name == model) return status.info;
  }
  const auto upstream = upstream_model(context, model);
  if (!upstream) return std::nullopt;
  models::ModelInfo info;
  info.architecture = "cohere";
  info.dims = upstream->dims;
  info.max_tokens = upstream->max_tokens;
  return info;
}

std::optional<serving::UpstreamModel> upstream_model(const Context& context, std::string_view model) {
  if (!is_upstream(context, model)) return std::nullopt;
  for (const serving::UpstreamModel& known : context.upstream->models()) {
    if (known.name == model) return known;
  }
  return std::nullopt;
}

bool is_known(const Context& context, std::string_view model) {
  return runs_here(context, model) || upstream_model(context, model);
}

void embed_by_name(const Context& context, const ExchangePtr& exchange, std::string_view model,
                   std::vector<serving::Input> inputs, serving::EmbedOptions options,
                   serving::EmbeddingService::Callback done) {
  if (is_upstream(context, model)) {
    serving::UpstreamRequest request{std::string(model), std::move(inputs), {}, std::move(options)};
    request.authorization = exchange->request.headers.get("Authorization").value_or("");
    const auto calling = std::make_shared<StageSpan>(exchange->request.trace, Stage::upstream);
    return context.upstream->embed(std::move(request), [exchange, calling, done = std::move(done)](auto embeddings) {
      calling->end();
      exchange->guard([&] {
        if (!embeddings) return fail(*exchange, embeddings.error());
        done(*std::move(embeddings));
      });
    });
  }
  context.service.embed(model, std::move(inputs), std::move(options), std::move(done));
}

}  // namespace sightline::api
