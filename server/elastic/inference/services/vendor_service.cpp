#include "server/elastic/inference/services/vendor_service.h"

#include "server/elastic/inference/request_target.h"

namespace sightline::elastic {

Answer<http::ClientRequest> VendorService::target(const Endpoint& endpoint) const {
  http::ClientRequest request;
  request.method = http::Method::post;
  request.url = url();
  request.headers.set("Content-Type", "application/json");
  add_headers(request.headers);
  const auto key = endpoint.secret("api_key");
  if (key.empty()) return illegal_state("inference endpoint [" + endpoint.id + "] has no [api_key]");
  std::string authorization = "Bearer " + std::string(key);
  if (const auto fault = header_fault("Authorization", authorization)) return illegal_state(*fault);
  request.headers.set("Authorization", std::move(authorization));
  return request;
}

ServiceAnswer VendorService::read(const http::Response& response, const Endpoint& endpoint) const {
  if (!is_success(response.status)) return failure_of(response, endpoint);
  if (response.body.empty()) return empty_answer(endpoint);
  const auto answer = parse_answer(response.body);
  auto vectors = answer ? vectors_in(*answer) : Answer<Embeddings>(answer.error());
  if (vectors) return std::move(*vectors);
  ElasticError error{500, "status_exception",
                     "Failed to send " + std::string(title()) + " text_embedding request from inference entity id [" +
                         endpoint.id + "]. Cause: " + vectors.error().reason};
  error.causes.push_back(vectors.error());
  return Failure{std::move(error), true};
}

std::optional<std::string> read_url(SettingsReader& settings, ValidationFaults& faults, bool required) {
  auto url = required ? settings.required_string("url") : settings.optional_string("url");
  if (!url) return {};
  if (const auto fault = url_fault(*url)) {
    faults.add("[service_settings] Invalid url [" + *url + "] received for field [url]. Error: unable to parse url [" +
               *url + "]. Reason: " + *fault);
  }
  return url;
}

Refusal read_api_key(Endpoint& endpoint, SettingsReader& settings, ValidationFaults& faults, SettingsSource source) {
  const bool given = settings.take("api_key") != nullptr;
  if (!given && source == SettingsSource::stored) return {};
  if (!given) faults.add("[service_settings] does not contain the required setting [api_key]");
  auto key = settings.secret_string("api_key");
  if (!faults.empty()) return faults.error();
  if (const auto fault = header_fault("Authorization", *key)) {
    faults.add("[service_settings] [api_key] holds a character that a header may not have");
    return faults.error();
  }
  endpoint.secrets = {{"api_key", std::move(*key)}};
  return {};
}

void write_api_key(json::Builder& out, const Endpoint& endpoint) {
  for (const auto& [name, secret] : endpoint.secrets) out.member(name, secret);
}

std::string error_message(std::string_view body, std::initializer_list<const char*> path) {
  const auto document = parse_answer(body);
  if (!document) return {};
  const rapidjson::Value* value = &*document;
  for (const char* name : path) {
    if (!value->IsObject()) return {};
    const auto member = value->FindMember(name);
    if (member == value->MemberEnd()) return {};
    value = &member->value;
  }
  return value->IsString() ? std::string(value->GetString(), value->GetStringLength()) : std::string();
}

}  // namespace sightline::elastic
