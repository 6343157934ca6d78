#include "server/elastic/inference/endpoint.h"

#include <algorithm>

#include "server/elastic/inference/request_target.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_default_chunking = R"({"strategy":"sentence","max_chunk_size":250,"sentence_overlap":1})";

ElasticError refused(std::string reason) {
  return {400, "status_exception", std::move(reason)};
}

Refusal read_task_type(Endpoint& endpoint, SettingsReader& body, ValidationFaults& faults) {
  static const std::vector<std::string> known{"text_embedding", "sparse_embedding", "rerank",
                                              "completion",     "chat_completion",  "embedding"};
  const auto given = body.optional_string("task_type");
  if (!faults.empty()) return faults.error();
  const bool named_in_path = !endpoint.task_type.empty() && endpoint.task_type != "any";
  if (given && named_in_path && *given != endpoint.task_type) {
    return refused("Cannot resolve conflicting task_type parameter in the request URL [" + endpoint.task_type +
                   "] and the request body [" + *given + "]");
  }
  if (!named_in_path) endpoint.task_type = given.value_or("");
  if (endpoint.task_type.empty()) return refused("model is missing required setting [task_type]");
  if (std::find(known.begin(), known.end(), endpoint.task_type) == known.end()) {
    return refused("Unknown task_type [" + endpoint.task_type + "]");
  }
  return {};
}

Answer<const ServiceKind*> read_service(const Endpoint& endpoint, SettingsReader& body) {
  const auto* service = body.take("service");
  if (!service) return refused("Inference endpoint configuration is missing the [service] setting");
  const std::string name = java_text(*service);
  const auto* kind = service->IsString() ? service_kind(name) : nullptr;
  if (!kind) return refused("Unknown service [" + name + "]");
  const auto& tasks = kind->task_types;
  if (std::find(tasks.begin(), tasks.end(), endpoint.task_type) == tasks.end()) {
    return refused("The [" + name + "] service does not support task type [" + endpoint.task_type + "]");
  }
  if (endpoint.task_type != "text_embedding") {
    return refused("Task type [" + endpoint.task_type + "] of the [" + name +
                   "] service is not supported here, use [text_embedding]");
  }
  return kind;
}

Refusal read_chunking(Endpoint& endpoint, SettingsReader& body, ValidationFaults& faults) {
  endpoint.chunking_settings = k_default_chunking;
  const auto* object = body.optional_object("chunking_settings");
  if (object && !object->ObjectEmpty()) {
    SettingsReader reader(*object, "chunking_settings", faults);
    if (!reader.choice("strategy", {"none", "recursive", "sentence", "word"}) && faults.empty()) {
      faults.add("[chunking_settings] does not contain the required setting [strategy]");
    }
    endpoint.chunking_settings = json::text_of(*object);
  }
  if (!faults.empty()) return faults.error();
  return {};
}

}  // namespace

std::string_view Endpoint::secret(std::string_view name) const {
  const auto found =
      std::find_if(secrets.begin(), secrets.end(), [&](const auto& secret) { return secret.first == name; });
  return found == secrets.end() ? std::string_view() : std::string_view(found->second);
}

Answer<Endpoint> parse_endpoint(std::string id, std::string task_type, const rapidjson::Value& body,
                                SettingsSource source) {
  if (!body.IsObject()) return refused("the configuration of inference endpoint [" + id + "] must be a JSON object");
  Endpoint endpoint;
  endpoint.id = std::move(id);
  endpoint.task_type = std::move(task_type);
  ValidationFaults faults;
  SettingsReader reader(body, "", faults);
  if (Refusal refusal = read_task_type(endpoint, reader, faults)) return *refusal;
  const auto kind = read_service(endpoint, reader);
  if (!kind) return kind.error();
  const auto* settings = reader.optional_object("service_settings");
  if (!faults.empty()) return faults.error();
  if (!settings) return refused("Missing required field [service_settings]");
  if (Refusal refusal = read_chunking(endpoint, reader, faults)) return *refusal;
  if (Refusal refusal = (*kind)->read(endpoint, *settings, reader.take("task_settings"), source)) return *refusal;
  if (Refusal unknown = nothing_unknown(reader, (*kind)->name)) return *unknown;
  return endpoint;
}

std::string endpoint_json(const Endpoint& endpoint, bool for_store) {
  json::Builder out;
  out.object();
  if (!for_store) out.member("inference_id", endpoint.id);
  out.member("task_type", endpoint.task_type).member("service", endpoint.service->name());
  out.object("service_settings");
  endpoint.service->write_service_settings(out, endpoint, for_store);
  out.end();
  endpoint.service->write_task_settings(out);
  return out.member("chunking_settings", json::Raw{endpoint.chunking_settings}).text();
}

Refusal refuse_other_server(const Endpoint& before, const Endpoint& after) {
  if (before.secrets.empty()) return {};
  const auto moved = after.service->target(after);
  if (!moved) return {};  // it cannot be called, and whoever calls it says why
  const auto own = before.service->target(before);
  if (own && server_of(own->url) == server_of(moved->url)) return {};
  return illegal_argument("the secrets of inference endpoint [" + before.id +
                          "] were given for the server that its own settings name, and these settings would send them "
                          "to another one: make another endpoint for that server");
}

Answer<std::shared_ptr<const Endpoint>> with_task_settings(std::shared_ptr<const Endpoint> endpoint,
                                                           const rapidjson::Value& task_settings) {
  const auto given = task_settings_object(&task_settings);
  if (!given) return given.error();
  if (!*given || (*given)->ObjectEmpty()) return endpoint;
  auto service = endpoint->service->with_task_settings(**given, *endpoint);
  if (!service) return service.error();
  auto changed = std::make_shared<Endpoint>(*endpoint);
  changed->service = std::move(*service);
  if (Refusal refusal = refuse_other_server(*endpoint, *changed)) return *refusal;
  return std::shared_ptr<const Endpoint>(std::move(changed));
}

}  // namespace sightline::elastic
