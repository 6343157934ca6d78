#include "server/elastic/inference/services/service.h"

#include <algorithm>
#include <array>
#include <set>

#include "server/elastic/inference/endpoint.h"
#include "server/elastic/inference/services/cohere.h"
#include "server/elastic/inference/services/custom.h"
#include "server/elastic/inference/services/hugging_face.h"
#include "server/elastic/inference/services/openai.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

/// Statuses that Elasticsearch's RestStatus has; others become 400.
bool is_known_status(int status) {
  static const std::set<int> known{300, 301, 302, 303, 304, 305, 307, 400, 401, 402, 403, 404, 405, 406, 407,
                                   408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 429};
  return known.contains(status);
}

}  // namespace

const ServiceKind* service_kind(std::string_view name) {
  static const std::array<ServiceKind, 4> kinds{
      {{"custom", {"text_embedding", "sparse_embedding", "rerank", "completion"}, read_custom},
       {"cohere", {"text_embedding", "rerank", "completion"}, read_cohere},
       {"hugging_face",
        {"text_embedding", "sparse_embedding", "rerank", "completion", "chat_completion"},
        read_hugging_face},
       {"openai", {"text_embedding", "embedding", "completion", "chat_completion"}, read_openai}}};
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

ElasticError error_of_status(std::string_view lead, int status, std::string_view message, const Endpoint& endpoint) {
  std::string reason = std::string(lead) + " for request from inference entity id [" + endpoint.id + "] status [" +
                       std::to_string(status) + "]";
  if (!message.empty()) reason += ". Error message: [" + std::string(message) + "]";
  return {is_known_status(status) ? status : 400, "status_exception", std::move(reason)};
}

std::string_view usual_lead(int status) {
  if (status >= 500) return "Received a server error status code";
  if (status == 429) return "Received a rate limit status code";
  if (status == 401) return "Received an authentication error status code";
  if (status >= 300 && status < 400) return "Unhandled redirection";
  return "Received an unsuccessful status code";
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

Failure empty_answer(const Endpoint& endpoint) {
  return {
      {400, "status_exception", "Response body was empty for request from inference entity id [" + endpoint.id + "]"}};
}

ElasticError construction_failed(std::string_view service, ElasticError cause) {
  ElasticError error{400, "status_exception", "Failed to construct the " + std::string(service) + " service request"};
  error.causes.push_back(std::move(cause));
  return error;
}

ElasticError illegal_state(std::string reason) {
  return {500, "illegal_state_exception", std::move(reason)};
}

void write_map(json::Builder& out, std::string_view name, const StringPairs& pairs) {
  out.object(name);
  for (const auto& [field, value] : pairs) out.member(field, value);
  out.end();
}

void read_vector_settings(Endpoint& endpoint, SettingsReader& settings) {
  endpoint.similarity = settings.choice("similarity", {"cosine", "dot_product", "l2_norm"});
  endpoint.dimensions = settings.positive_integer("dimensions");
  endpoint.max_input_tokens = settings.positive_integer("max_input_tokens");
}

void write_vector_settings(json::Builder& out, const Endpoint& endpoint) {
  out.member_if("similarity", endpoint.similarity);
  out.member_if("dimensions", endpoint.dimensions);
  out.member_if("max_input_tokens", endpoint.max_input_tokens);
}

Refusal read_rate_limit(Endpoint& endpoint, SettingsReader& settings, ValidationFaults& faults,
                        std::string_view service, int default_rate) {
  endpoint.requests_per_minute = default_rate;
  const auto* limit = settings.optional_object("rate_limit");
  if (!limit) return {};
  SettingsReader reader(*limit, "service_settings.rate_limit", faults);
  endpoint.requests_per_minute = reader.positive_integer("requests_per_minute").value_or(endpoint.requests_per_minute);
  return nothing_unknown(reader, service);
}

void write_rate_limit(json::Builder& out, const Endpoint& endpoint) {
  out.object("rate_limit");
  out.member("requests_per_minute", endpoint.requests_per_minute);
  out.end();
}

Answer<const rapidjson::Value*> task_settings_object(const rapidjson::Value* task_settings) {
  if (!task_settings || task_settings->IsNull()) return nullptr;
  if (task_settings->IsObject()) return task_settings;
  ValidationFaults faults;
  faults.add("field [task_settings] is not of the expected type. The value [" + java_text(*task_settings) +
             "] cannot be converted to a [Map]");
  return faults.error();
}

Refusal nothing_unknown(const SettingsReader& reader, std::string_view service) {
  const auto left = reader.left_over();
  if (left.empty()) return {};
  return ElasticError{
      400, "status_exception",
      "Configuration contains settings [" + left + "] unknown to the [" + std::string(service) + "] service"};
}

}  // namespace sightline::elastic
