#include "server/api/models.h"

#include <algorithm>
#include <chrono>

#include "base/json/builder.h"
#include "server/api/json.h"

namespace sightline::api {
namespace {

/// `upstream`: the model, if it runs elsewhere.
void add_modalities_and_limits(json::Builder& out, const models::ModelInfo& info, const InputLimits& limits,
                               const serving::UpstreamModel* upstream = nullptr) {
  out.array("modalities");
  if (info.has_text) out.value("text");
  if (info.has_image) out.value("image");
  out.end().object("limits").member("inputs", limits.max_inputs);
  if (info.has_text) out.member("tokens", info.max_tokens).member("text_bytes", limits.max_text_bytes);
  if (info.has_image) out.member("image_bytes", limits.max_image_bytes);
  if (upstream) {
    out.member("pictures_per_call", upstream->pictures_per_call);
    if (upstream->pictures_per_minute > 0) out.member("pictures_per_minute", upstream->pictures_per_minute);
    if (upstream->calls_per_minute > 0) out.member("calls_per_minute", upstream->calls_per_minute);
  }
  out.end();
}

std::string model_json(const serving::ModelStatus& status, const InputLimits& limits) {
  json::Builder out;
  out.object().member("id", status.name).member("object", "model");
  const auto since_epoch = std::chrono::duration_cast<std::chrono::seconds>(status.loaded_on.time_since_epoch());
  out.member("created", since_epoch.count()).member("owned_by", "sightline");
  out.member("state", serving::to_string(status.state));
  if (!status.reason.empty()) out.member("reason", status.reason);
  if (!status.info) return out.text();
  const models::ModelInfo& info = *status.info;
  out.member("architecture", info.architecture);
  if (!info.description.empty()) out.member("description", info.description);
  out.member_or_null("license", info.license);
  out.member("demo", info.demo).member("dims", info.dims);
  if (!info.matryoshka_dims.empty()) {
    out.array("matryoshka_dimensions");
    for (const std::uint32_t length : info.matryoshka_dims) out.value(length);
    out.end();
  }
  add_modalities_and_limits(out, info, limits);
  if (info.logit_scale > 0) out.member("logit_scale", info.logit_scale);
  out.member_if("logit_bias", info.logit_bias);
  if (info.has_image) out.member("image_size", info.image_size).member("preprocessing", info.preprocessing);
  if (!status.fingerprint.empty()) out.member("fingerprint", status.fingerprint);
  out.member("dtype", info.dtype).member("products", info.products);
  if (const auto& check = info.precision_check) {
    out.object("precision_check").member("lowest_cosine", static_cast<float>(check->lowest_cosine));
    out.member("mean_cosine", static_cast<float>(check->mean_cosine)).member("inputs", check->inputs).end();
  }
  out.member("device", info.device).member("parameters", info.parameters);
  out.member("weight_bytes", info.weight_bytes);
  return out.member("load_milliseconds", static_cast<std::uint64_t>(status.load_seconds * 1000)).text();
}

std::string model_json(const serving::UpstreamModel& model, const InputLimits& limits) {
  json::Builder out;
  out.object().member("id", model.name).member("object", "model");
  out.member("created", 0);  // not known
  out.member("owned_by", "cohere").member("state", "ready").member("architecture", "cohere");
  if (!model.description.empty()) out.member("description", model.description);
  out.member("dims", model.dims);
  models::ModelInfo info;
  info.max_tokens = model.max_tokens;
  add_modalities_and_limits(out, info, limits, &model);
  return out.text();
}

}  // namespace

void list_models(const Context& context, ExchangePtr exchange) {
  json::Builder body;
  body.object().member("object", "list").array("data");
  for (const serving::ModelStatus& status : context.service.models()) {
    body.list(model_json(status, context.limits.inputs));
  }
  if (context.upstream) {
    for (const serving::UpstreamModel& model : context.upstream->models()) {
      if (!is_upstream(context, model.name)) continue;  // one of that name runs here
      body.list(model_json(model, context.limits.inputs));
    }
  }
  exchange->reply_json(body.text());
}

void show_model(const Context& context, ExchangePtr exchange) {
  const auto all = context.service.models();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& model) { return model.name == exchange->wildcards.front(); });
  if (found != all.end()) return exchange->reply_json(model_json(*found, context.limits.inputs));
  const auto upstream = upstream_model(context, exchange->wildcards.front());
  if (upstream) return exchange->reply_json(model_json(*upstream, context.limits.inputs));
  exchange->fail({ErrorCode::not_found,
                  "no model [" + exchange->wildcards.front().substr(0, 64) + "]: GET /v1/models lists the models"},
                 "model");
}

}  // namespace sightline::api
