#include "server/elastic/inference/services/openai.h"

#include "base/url_credentials.h"
#include "server/elastic/inference/request_target.h"
#include "server/elastic/inference/services/vendor_service.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_name = "openai";
constexpr const char* k_default_url = "https://api.openai.com/v1/embeddings";
constexpr int k_requests_per_minute = 3'000;

struct OpenAiTaskSettings {
  std::optional<std::string> user;
  StringPairs headers;
};

struct OpenAiSettings {
  std::string model_id;
  std::optional<std::string> url, organization_id;
  OpenAiTaskSettings task;
};

Answer<OpenAiTaskSettings> read_task_settings(const rapidjson::Value* object) {
  OpenAiTaskSettings task;
  if (!object) return task;
  ValidationFaults faults;
  SettingsReader reader(*object, "task_settings", faults);
  task.user = reader.optional_string("user");
  task.headers = reader.string_map("headers");
  for (const auto& [name, value] : task.headers) {
    if (const auto fault = header_fault(name, value)) faults.add("[task_settings] " + *fault);
  }
  if (!faults.empty()) return faults.error();
  if (Refusal unknown = nothing_unknown(reader, k_name)) return *unknown;
  return task;
}

/// "Received a rate limit status code. Token limit [unknown], ...", from the headers of the answer.
std::string rate_limit_lead(const http::Response& response) {
  const auto field = [&](const char* name) {
    return "[" + std::string(response.headers.get(name).value_or("unknown")) + "]";
  };
  return std::string(usual_lead(429)) + ". Token limit " + field("x-ratelimit-limit-tokens") + ", remaining tokens " +
         field("x-ratelimit-remaining-tokens") + ". Request limit " + field("x-ratelimit-limit-requests") +
         ", remaining requests " + field("x-ratelimit-remaining-requests");
}

class OpenAiService final : public VendorService {
 public:
  explicit OpenAiService(OpenAiSettings settings) : settings_(std::move(settings)) {}

  std::string_view name() const override { return k_name; }
  std::string_view title() const override { return "OpenAI"; }
  std::string url() const override { return settings_.url.value_or(k_default_url); }
  std::string rate_limit_group() const override { return url() + '\n' + settings_.model_id; }
  bool takes_input_type() const override { return false; }
  bool cuts_texts() const override { return true; }

  void write_service_settings(json::Builder& out, const Endpoint& endpoint, bool for_store) const override {
    out.member("model_id", settings_.model_id);
    out.member_if("url", settings_.url);
    out.member_if("organization_id", settings_.organization_id);
    write_vector_settings(out, endpoint);
    write_rate_limit(out, endpoint);
    if (!for_store) return;
    out.member("dimensions_set_by_user", endpoint.dimensions_fixed);
    write_api_key(out, endpoint);
  }

  void write_task_settings(json::Builder& out) const override {
    const auto& task = settings_.task;
    if (!task.user && task.headers.empty()) return;
    out.object("task_settings");
    out.member_if("user", task.user);
    if (!task.headers.empty()) write_map(out, "headers", task.headers);
    out.end();
  }

  Answer<ServicePtr> with_task_settings(const rapidjson::Value& task_settings, const Endpoint&) const override {
    auto given = read_task_settings(&task_settings);
    if (!given) return given.error();
    OpenAiSettings merged = settings_;
    if (given->user) merged.task.user = std::move(given->user);
    if (!given->headers.empty()) merged.task.headers = std::move(given->headers);
    return ServicePtr(std::make_shared<const OpenAiService>(std::move(merged)));
  }

  Answer<std::string> body(const Endpoint& endpoint, const InferenceInput& input) const override {
    json::Builder json;
    json.object().member("input", json::Raw{inputs_json(input)}).member("model", settings_.model_id);
    json.member_if("user", settings_.task.user);
    if (endpoint.dimensions_fixed) json.member_if("dimensions", endpoint.dimensions);
    return json.text();
  }

 private:
  void add_headers(http::Headers& headers) const override {
    if (settings_.organization_id) headers.set("OpenAI-Organization", *settings_.organization_id);
    for (const auto& [name, value] : settings_.task.headers) headers.set(name, value);
  }

  Answer<Embeddings> vectors_in(const rapidjson::Value& answer) const override {
    if (!answer.IsObject() || !answer.HasMember("data"))
      return illegal_argument("Failed to find required field [data] in OpenAI embeddings response");
    return embeddings_at(answer, "$.data[*].embedding");
  }

  Failure failure_of(const http::Response& response, const Endpoint& endpoint) const override {
    const int status = response.status;
    const std::string message = error_message(response.body, {"error", "message"});
    const bool too_long =
        status == 413 ||
        (status == 400 && message.find("Please reduce your prompt; or completion length.") != std::string::npos);
    const std::string lead = too_long        ? "Received a content too large status code"
                             : status == 503 ? "Received a server busy error status code"
                             : status == 429 ? rate_limit_lead(response)
                             : status == 422 ? "Received an input validation error response"
                             : status == 400 ? "Received a bad request status code"
                             : status == 404 ? "Resource not found at [" + without_credentials(url()) + "]"
                                             : std::string(usual_lead(status));
    const bool retryable = status == 429 || status == 500 || status == 503;
    return {error_of_status(lead, status, message, endpoint), retryable, too_long};
  }

  OpenAiSettings settings_;
};

}  // namespace

Refusal read_openai(Endpoint& endpoint, const rapidjson::Value& service_settings, const rapidjson::Value* task_settings,
                    SettingsSource source) {
  OpenAiSettings openai;
  ValidationFaults faults;
  SettingsReader settings(service_settings, "service_settings", faults);
  openai.url = read_url(settings, faults, false);
  openai.organization_id = settings.optional_string("organization_id");
  read_vector_settings(endpoint, settings);
  openai.model_id = settings.required_string("model_id").value_or("");
  if (Refusal refusal = read_rate_limit(endpoint, settings, faults, k_name, k_requests_per_minute)) return refusal;
  if (openai.organization_id) {
    if (const auto fault = header_fault("OpenAI-Organization", *openai.organization_id))
      faults.add("[service_settings] " + *fault);
  }
  endpoint.dimensions_fixed = source == SettingsSource::stored ? settings.flag("dimensions_set_by_user").value_or(false)
                                                               : endpoint.dimensions.has_value();
  if (!faults.empty()) return faults.error();
  const auto task_object = task_settings_object(task_settings);
  if (!task_object) return task_object.error();
  auto task = read_task_settings(*task_object);
  if (!task) return task.error();
  openai.task = std::move(*task);
  if (Refusal refusal = read_api_key(endpoint, settings, faults, source)) return refusal;
  if (Refusal unknown = nothing_unknown(settings, k_name)) return unknown;
  endpoint.service = std::make_shared<const OpenAiService>(std::move(openai));
  return {};
}

}  // namespace sightline::elastic
