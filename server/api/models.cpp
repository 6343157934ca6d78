#include "server/api/models.h"

#include <algorithm>
#include <chrono>

#include "base/float_text.h"
#include "server/api/json.h"

namespace sightline::api {
namespace {

/// Writes members of one object, one after the other.
class ObjectWriter {
 public:
  void text(const char* name, std::string_view value) { raw(name, json_string(value)); }
  void number(const char* name, std::uint64_t value) { raw(name, std::to_string(value)); }
  void decimal(const char* name, float value) {
    std::string text;
    append_float(text, value);
    raw(name, text);
  }
  void flag(const char* name, bool value) { raw(name, value ? "true" : "false"); }
  void raw(const char* name, std::string_view json) {
    out_ += (out_.size() == 1 ? "\"" : ",\"") + std::string(name) + "\":";
    out_ += json;
  }
  std::string finish() { return out_ + "}"; }

 private:
  std::string out_ = "{";
};

std::string modalities(const models::ModelInfo& info) {
  std::string out = info.has_text ? "\"text\"" : "";
  if (info.has_image) out += out.empty() ? "\"image\"" : ",\"image\"";
  return "[" + out + "]";
}

std::string limits_json(const models::ModelInfo& info, const InputLimits& limits) {
  ObjectWriter writer;
  writer.number("inputs", limits.max_inputs);
  if (info.has_text) {
    writer.number("tokens", info.max_tokens);
    writer.number("text_bytes", limits.max_text_bytes);
  }
  if (info.has_image) writer.number("image_bytes", limits.max_image_bytes);
  return writer.finish();
}

std::string precision_json(const models::PrecisionCheck& check) {
  ObjectWriter writer;
  writer.decimal("lowest_cosine", static_cast<float>(check.lowest_cosine));
  writer.decimal("mean_cosine", static_cast<float>(check.mean_cosine));
  writer.number("inputs", check.inputs);
  return writer.finish();
}

std::string model_json(const serving::ModelStatus& status, const InputLimits& limits) {
  ObjectWriter writer;
  writer.text("id", status.name);
  writer.text("object", "model");
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::seconds>(status.loaded_on.time_since_epoch());
  writer.number("created", static_cast<std::uint64_t>(since_epoch.count()));
  writer.text("owned_by", "sightline");
  writer.text("state", serving::to_string(status.state));
  if (!status.reason.empty()) writer.text("reason", status.reason);
  if (!status.info) return writer.finish();
  const models::ModelInfo& info = *status.info;
  writer.text("architecture", info.architecture);
  if (!info.description.empty()) writer.text("description", info.description);
  info.license.empty() ? writer.raw("license", "null") : writer.text("license", info.license);
  writer.flag("demo", info.demo);
  writer.number("dims", info.dims);
  writer.raw("modalities", modalities(info));
  writer.raw("limits", limits_json(info, limits));
  if (info.logit_scale > 0) writer.decimal("logit_scale", info.logit_scale);
  if (info.logit_bias) writer.decimal("logit_bias", *info.logit_bias);
  if (info.has_image) {
    writer.number("image_size", info.image_size);
    writer.text("preprocessing", info.preprocessing);
  }
  if (!status.fingerprint.empty()) writer.text("fingerprint", status.fingerprint);
  writer.text("dtype", info.dtype);
  writer.text("products", info.products);
  if (info.precision_check) writer.raw("precision_check", precision_json(*info.precision_check));
  writer.text("device", info.device);
  writer.number("parameters", info.parameters);
  writer.number("weight_bytes", info.weight_bytes);
  writer.number("load_milliseconds", static_cast<std::uint64_t>(status.load_seconds * 1000));
  return writer.finish();
}

std::string model_json(const serving::UpstreamModel& model, const InputLimits& limits) {
  ObjectWriter writer;
  writer.text("id", model.name);
  writer.text("object", "model");
  writer.number("created", 0);  // not told
  writer.text("owned_by", "cohere");
  writer.text("state", "ready");
  writer.text("architecture", "cohere");
  if (!model.description.empty()) writer.text("description", model.description);
  writer.number("dims", model.dims);
  models::ModelInfo info;
  info.max_tokens = model.max_tokens;
  writer.raw("modalities", modalities(info));
  writer.raw("limits", limits_json(info, limits));
  return writer.finish();
}

}  // namespace

void list_models(const Context& context, ExchangePtr exchange) {
  std::string body = "{\"object\":\"list\",\"data\":[";
  bool first = true;
  for (const serving::ModelStatus& status : context.service.models()) {
    body += (first ? "" : ",") + model_json(status, context.limits.inputs);
    first = false;
  }
  if (context.upstream) {
    for (const serving::UpstreamModel& model : context.upstream->models()) {
      if (!is_upstream(context, model.name)) continue;  // one of that name runs here
      body += (first ? "" : ",") + model_json(model, context.limits.inputs);
      first = false;
    }
  }
  exchange->reply_json(body + "]}");
}

void show_model(const Context& context, ExchangePtr exchange) {
  const auto all = context.service.models();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const auto& model) { return model.name == exchange->wildcards.front(); });
  if (found != all.end()) return exchange->reply_json(model_json(*found, context.limits.inputs));
  const auto upstream = upstream_model(context, exchange->wildcards.front());
  if (upstream) return exchange->reply_json(model_json(*upstream, context.limits.inputs));
  exchange->fail({ErrorCode::not_found, "no model [" + exchange->wildcards.front().substr(0, 64) +
                                            "]: GET /v1/models lists the models"},
                 "model");
}

}  // namespace sightline::api
