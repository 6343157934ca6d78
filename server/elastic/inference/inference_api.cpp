#include "server/elastic/inference/inference_api.h"

#include <algorithm>
#include <array>
#include <memory>
#include <rapidjson/document.h>

#include "base/cancellation.h"
#include "base/json/builder.h"
#include "base/json/document.h"
#include "server/elastic/inference/semantic_text.h"
#include "server/elastic/inference/time_value.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr const char* k_timeout_cut =
    "299 Sightline-" SIGHTLINE_VERSION
    " \"[timeout] is longer than [--elasticsearch-max-inference-timeout], which is used instead\"";
constexpr const char* k_put_parameters = "timeout master_timeout";

using http::Method;
using std::chrono::milliseconds;

constexpr milliseconds k_default_timeout{30'000};
constexpr std::array<std::string_view, 7> k_task_types{"text_embedding",  "sparse_embedding", "rerank", "completion",
                                                       "chat_completion", "embedding",        "any"};

ElasticError refused(std::string reason) {
  return {400, "status_exception", std::move(reason)};
}

ElasticError invalid_request(const std::string& what) {
  return {400, "action_request_validation_exception", "Validation Failed: 1: " + what + ";"};
}

bool is_task_type(std::string_view word) {
  return std::find(k_task_types.begin(), k_task_types.end(), word) != k_task_types.end();
}

bool is_any(std::string_view task_type) {
  return task_type.empty() || task_type == "any";
}

/// Lower case letters and digits, with `-`, `_` and `.` between them.
bool is_valid_id(std::string_view id) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !id.empty() && id.size() <= 512 && alphanumeric(id.front()) && alphanumeric(id.back()) &&
         std::all_of(id.begin(), id.end(), [&](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

Answer<milliseconds> timeout_of(const http::Request& request) {
  const auto text = rest::query_parameter(request, "timeout");
  return text ? parse_time_value(*text, "timeout") : k_default_timeout;
}

Answer<rapidjson::Document> object_in(const http::Request& request) {
  if (request.body.empty()) return ElasticError{400, "parse_exception", "request body is required"};
  auto body = rest::parse_json(request.body);
  if (body && !body->IsObject()) return ElasticError{400, "x_content_parse_exception", "[1:1] expected a JSON object"};
  return body;
}

Refusal read_texts(const rapidjson::Value& value, std::vector<std::string_view>& texts) {
  const auto add = [&](const rapidjson::Value& text) {
    if (text.IsString()) texts.emplace_back(text.GetString(), text.GetStringLength());
    return text.IsString();
  };
  if (value.IsArray()) {
    if (value.Empty()) return invalid_request("Field [input] cannot be an empty array");
    for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
      if (!add(value[i])) {
        return ElasticError{400, "x_content_parse_exception",
                            "[input] must hold strings only, but entry [" + std::to_string(i) + "] is none"};
      }
    }
    return {};
  }
  if (add(value)) return {};
  return ElasticError{400, "x_content_parse_exception", "[input] must be a string or an array of strings"};
}

Answer<InferenceInput> read_inference_body(const rapidjson::Value& body) {
  InferenceInput input;
  bool has_input = false;
  for (const auto& member : body.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    const auto& value = member.value;
    if (name == "input") {
      if (value.IsNull()) continue;
      has_input = true;
      if (Refusal refusal = read_texts(value, input.texts)) return *refusal;
    } else if (name == "input_type") {
      if (value.IsNull()) continue;
      const std::string word = value.IsString() ? value.GetString() : java_text(value);
      const auto type = input_type_of(word);
      if (!type) return illegal_argument("Unrecognized input_type [" + word + "]");
      input.type = *type;
    } else if (name == "task_settings") {
      continue;  // the endpoint's service reads them
    } else if (name == "query" || name == "return_documents" || name == "top_n") {
      return invalid_request("Field [" + std::string(name) + "] cannot be specified for task type [text_embedding]");
    } else {
      return ElasticError{400, "x_content_parse_exception",
                          "[inference_request] unknown field [" + std::string(name) + "]"};
    }
  }
  if (!has_input) return invalid_request("Field [input] cannot be null");
  return input;
}

std::string embeddings_json(const Embeddings& embeddings) {
  json::Builder json;
  json.object().array("text_embedding");
  for (const auto& embedding : embeddings) json.object().member("embedding", embedding).end();
  return json.text();
}

/// Nothing if the endpoint is of the task that a path names; an empty one is any.
Refusal check_task(const Endpoint& endpoint, const std::string& task_type) {
  if (is_any(task_type) || task_type == endpoint.task_type) return {};
  return refused("Incompatible task_type, the requested type [" + task_type + "] does not match the model type [" +
                 endpoint.task_type + "]");
}

/// Not the address, nor what is sent there: the secrets were given for these, and the vectors in use are
/// theirs.
bool may_update(std::string_view setting) {
  return setting == "api_key" || setting == "secret_parameters" || setting == "rate_limit" ||
         setting == "max_input_tokens";
}

ElasticError already_exists(const std::string& id) {
  return {400, "resource_already_exists_exception", "Inference endpoint [" + id + "] already exists"};
}

/// 400 if a request says what its texts are for, and the endpoint's service has no use for it.
Refusal check_input_type(const Endpoint& endpoint, InputType type) {
  const auto word = word_of(type);
  if (type == InputType::unspecified || word.empty() || endpoint.service->takes_input_type()) return {};
  ValidationFaults faults;
  faults.add("Invalid input_type [" + std::string(word) + "]. The input_type option is not supported by this service");
  return faults.error();
}

/// Puts the members of `changes` in the place of those of the same name.
void set_members(rapidjson::Value& object, const rapidjson::Value& changes,
                 rapidjson::Document::AllocatorType& allocator) {
  for (const auto& change : changes.GetObject()) {
    rapidjson::Value value(change.value, allocator);
    if (const auto found = object.FindMember(change.name); found != object.MemberEnd()) {
      found->value = value;
    } else {
      object.AddMember(rapidjson::Value(change.name, allocator), value, allocator);
    }
  }
}

}  // namespace

/// Calls the endpoint once and stores what its answer shows.
Answer<Endpoint> InferenceApi::measured(const Caller& caller, Endpoint endpoint, milliseconds timeout) {
  const InferenceInput probe{{"how big"}, InputType::internal_ingest, caller.hops, caller.ids()};
  const auto invalid = [](const ElasticError& cause) {
    ValidationFaults faults;
    faults.add("Failed to validate model configuration: " + cause.reason);
    return faults.error();
  };
  const Service& service = *endpoint.service;
  if (auto target = service.target(endpoint); !target) return invalid(target.error());
  if (auto body = service.body(endpoint, probe); !body) return invalid(body.error());
  auto vectors = executor_.infer_and_wait(std::make_shared<const Endpoint>(endpoint), probe, timeout);
  if (!vectors) {
    ElasticError error =
        refused("Could not complete inference endpoint creation as validation call to service threw an exception.");
    error.causes.push_back(vectors.error());
    error.root_is_cause = true;
    return error;
  }
  const int size = static_cast<int>(vectors->front().size());
  if (endpoint.dimensions_fixed && endpoint.dimensions != size) {
    return refused("The retrieved embeddings size [" + std::to_string(size) +
                   "] does not match the size specified in the settings [" +
                   std::to_string(endpoint.dimensions.value_or(0)) + "]. Please recreate the [" + endpoint.id +
                   "] configuration with the correct dimensions");
  }
  endpoint.dimensions = size;
  if (!endpoint.similarity) endpoint.similarity = service.default_similarity();
  return endpoint;
}

InferenceApi::Handled InferenceApi::put(const http::Request& request, const std::string& task_type,
                                        const std::string& id) {
  const Caller caller = caller_of(request);
  bool exists = false;
  if (is_valid_id(id)) {
    // As the caller, and before anything is called for them: without credentials this is refused.
    const auto ours = endpoints_.shown(caller, id);
    if (!ours) return ours.error().response();
    exists = *ours != nullptr;
    if (!exists && native_.available(caller)) return std::nullopt;
  }
  if (const Refusal unknown = rest::unknown_parameters(request, k_put_parameters)) return unknown->response();
  if (!is_valid_id(id)) {
    return invalid_request("Invalid inference_id; '" + id +
                           "' can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores; must "
                           "start and end with alphanumeric")
        .response();
  }
  if (!is_any(task_type) && !is_task_type(task_type))
    return refused("Unknown task_type [" + task_type + "]").response();
  const auto body = object_in(request);
  if (!body) return body.error().response();
  const auto timeout = timeout_of(request);
  if (!timeout) return timeout.error().response();
  auto parsed = parse_endpoint(id, task_type, *body);
  if (!parsed) return parsed.error().response();
  if (exists) return already_exists(id).response();
  if (const Refusal refusal = endpoints_.refuse_to_store(caller, *parsed)) return refusal->response();
  auto endpoint = measured(caller, std::move(*parsed), *timeout);
  if (!endpoint) return endpoint.error().response();
  const auto made = endpoints_.create(caller, *endpoint);
  if (!made) return made.error().response();
  if (!*made) return already_exists(id).response();
  return json_response(endpoint_json(*endpoint));
}

namespace {

/// 400 if a body of `_update` has a member that cannot be updated.
Refusal refuse_fixed_members(const rapidjson::Value& body) {
  for (const auto& member : body.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    const bool settings = name == "service_settings";
    if (!settings && name != "task_settings" && name != "task_type" && name != "chunking_settings")
      return refused("[" + std::string(name) + "] cannot be updated, only [service_settings], " +
                     "[task_settings] and [chunking_settings] can");
    if (!settings || !member.value.IsObject()) continue;
    for (const auto& setting : member.value.GetObject()) {
      if (const std::string_view key = setting.name.GetString(); !may_update(key))
        return refused("[service_settings] [" + std::string(key) + "] cannot be updated: make another endpoint");
    }
  }
  return {};
}

/// The endpoint with the task settings of `body` over its own, one by one, as Elasticsearch does it.
Answer<std::shared_ptr<const Endpoint>> with_task_settings_of(const rapidjson::Value& body, const Endpoint& endpoint) {
  const auto given = body.FindMember("task_settings");
  const auto kept = std::make_shared<const Endpoint>(endpoint);
  return given == body.MemberEnd() ? kept : with_task_settings(kept, given->value);
}

}  // namespace

Answer<Endpoint> InferenceApi::updated(const Caller& caller, const Endpoint& endpoint, const rapidjson::Value& body,
                                       milliseconds timeout) {
  if (Refusal refusal = refuse_fixed_members(body)) return *refusal;
  const auto base = with_task_settings_of(body, endpoint);
  if (!base) return base.error();
  rapidjson::Document config;
  const std::string stored = endpoint_json(**base, true);
  json::read_document(stored, config);
  rapidjson::Document changes;
  changes.CopyFrom(body, config.GetAllocator());
  changes.RemoveMember("task_settings");
  const auto settings = changes.FindMember("service_settings");
  if (settings != changes.MemberEnd() && settings->value.IsObject()) {
    rapidjson::Value& kept = config["service_settings"];
    // Secrets are not shown, so that no one can send them all back: those that are not named stay.
    const auto secrets = settings->value.FindMember("secret_parameters");
    const auto kept_secrets = kept.FindMember("secret_parameters");
    const bool merges = secrets != settings->value.MemberEnd() && secrets->value.IsObject() &&
                        kept_secrets != kept.MemberEnd() && kept_secrets->value.IsObject() &&
                        secrets->value.MemberCount() <= SettingsReader::k_max_pairs;
    // What is not merged is refused below, with the reason: the service has no such setting, or not so many entries.
    if (merges) {
      set_members(kept_secrets->value, secrets->value, config.GetAllocator());
      settings->value.RemoveMember(secrets);
    }
    set_members(kept, settings->value, config.GetAllocator());
    changes.RemoveMember(settings);
  }
  set_members(config, changes, config.GetAllocator());
  auto parsed = parse_endpoint(endpoint.id, endpoint.task_type, config, SettingsSource::stored);
  if (!parsed) return parsed;
  if (Refusal refusal = refuse_other_server(endpoint, *parsed)) return *refusal;
  if (Refusal refusal = endpoints_.refuse_to_store(caller, *parsed, &endpoint)) return *refusal;
  auto after = measured(caller, std::move(*parsed), timeout);
  if (after && after->dimensions != endpoint.dimensions) {
    return refused("Inference endpoint [" + endpoint.id + "] gave vectors of [" +
                   std::to_string(endpoint.dimensions.value_or(0)) + "] dimensions and would now give [" +
                   std::to_string(*after->dimensions) +
                   "], which do not fit what is indexed with it: make another endpoint");
  }
  return after;
}

InferenceApi::Handled InferenceApi::update(const http::Request& request, const std::string& task_type,
                                           const std::string& id) {
  const Caller caller = caller_of(request);
  const auto ours = endpoints_.shown(caller, id);
  if (!ours) return ours.error().response();
  if (!*ours && native_.available(caller)) return std::nullopt;
  if (const Refusal unknown = rest::unknown_parameters(request, k_put_parameters)) return unknown->response();
  if (!*ours) return endpoint_not_found(id).response();
  if (const Refusal refusal = check_task(**ours, task_type)) return refusal->response();
  const auto body = object_in(request);
  if (!body) return body.error().response();
  const auto timeout = timeout_of(request);
  if (!timeout) return timeout.error().response();
  const auto kept = endpoints_.change(
      caller, id, [&](const Endpoint& endpoint) { return updated(caller, endpoint, *body, *timeout); });
  return kept ? json_response(endpoint_json(*kept)) : kept.error().response();
}

Answer<std::string> InferenceApi::native_endpoints(const Caller& caller, const std::string& task_type,
                                                   const std::vector<std::string>& ours) {
  const std::string path = is_any(task_type) ? "/_inference/_all" : "/_inference/" + task_type + "/_all";
  const auto response = store_.handle(store_request(caller, Method::get, path));
  if (response.status != 200) return error_in(response);
  const auto body = rest::parse_json(response.body);
  const bool readable = body && body->IsObject() && body->HasMember("endpoints") && (*body)["endpoints"].IsArray();
  if (!readable) return ElasticError{502, "exception", "the cluster's list of inference endpoints cannot be read"};
  json::Builder list;
  for (const auto& endpoint : (*body)["endpoints"].GetArray()) {
    const bool named = endpoint.IsObject() && endpoint.HasMember("inference_id") && endpoint["inference_id"].IsString();
    if (named && std::find(ours.begin(), ours.end(), endpoint["inference_id"].GetString()) != ours.end()) continue;
    list.list(json::text_of(endpoint));
  }
  return list.text();
}

InferenceApi::Handled InferenceApi::list(const http::Request& request, const std::string& task_type) {
  const Caller caller = caller_of(request);
  const auto definitions = endpoints_.index().list(caller, DefinitionIndex::Kind::endpoint);
  if (!definitions) return definitions.error().response();
  json::Builder shown;
  shown.object().array("endpoints");
  std::vector<std::string> ours;
  for (const auto& definition : *definitions) {
    check_cancelled();
    const auto endpoint = endpoint_of(definition);
    if (!endpoint) return endpoint.error().response();
    if (!is_any(task_type) && (*endpoint)->task_type != task_type) continue;
    ours.push_back(definition.name);
    shown.list(endpoint_json(**endpoint));
  }
  if (native_.available(caller)) {
    if (ours.empty()) return std::nullopt;
  }
  if (const Refusal unknown = rest::unknown_parameters(request, "")) return unknown->response();
  if (native_.available(caller)) {
    const auto theirs = native_endpoints(caller, task_type, ours);
    if (!theirs) return theirs.error().response();
    shown.list(*theirs);
  }
  return json_response(shown.text());
}

InferenceApi::Handled InferenceApi::get(const http::Request& request, const std::string& task_type,
                                        const std::string& id) {
  if (id.empty() || id == "_all" || id == "*") return list(request, task_type);
  if (id.starts_with('_')) return std::nullopt;  // no endpoint is named so: `_services` and what may come
  const Caller caller = caller_of(request);
  const auto endpoint = endpoints_.shown(caller, id);
  if (!endpoint) return endpoint.error().response();
  if (!*endpoint && native_.available(caller)) return std::nullopt;
  if (const Refusal unknown = rest::unknown_parameters(request, "")) return unknown->response();
  if (!*endpoint) return endpoint_not_found(id).response();
  if (const Refusal refusal = check_task(**endpoint, task_type)) return refusal->response();
  return json_response(json::Builder().object().array("endpoints").list(endpoint_json(**endpoint)).text());
}

InferenceApi::Handled InferenceApi::remove(const http::Request& request, const std::string& task_type,
                                           const std::string& id) {
  const Caller caller = caller_of(request);
  const auto endpoint = endpoints_.shown(caller, id);
  if (endpoint && !*endpoint && native_.available(caller)) return std::nullopt;
  if (const Refusal unknown = rest::unknown_parameters(request, "force dry_run")) return unknown->response();
  const auto force = rest::query_flag(request, "force", false);
  if (!force) return force.error().response();
  const auto dry_run = rest::query_flag(request, "dry_run", false);
  if (!dry_run) return dry_run.error().response();
  if (!endpoint) return endpoint.error().response();
  if (!*endpoint) return endpoint_not_found(id).response();
  if (const Refusal refusal = check_task(**endpoint, task_type)) return refusal->response();
  auto users = pipelines_using_(caller, id);
  if (!users && (!*force || *dry_run)) return users.error().response();
  if (!users) users = std::vector<std::string>();  // a forced deletion does not need the list
  if (*dry_run)
    return json_response(
        json::Builder().object().member("acknowledged", false).member("pipelines", *users).array("indexes").text());
  if (!users->empty() && !*force) {
    std::string names;
    for (const auto& name : *users) names += (names.empty() ? "" : ", ") + name;
    return ElasticError{409, "status_exception",
                        "Inference endpoint " + id + " is referenced by pipelines: [" + names +
                            "]. Ensure that no pipelines are using this inference endpoint, or use force to "
                            "ignore this warning "
                            "and delete the inference endpoint."}
        .response();
  }
  const auto removed = endpoints_.remove(caller, id);
  if (!removed) return removed.error().response();
  if (!*removed) return endpoint_not_found(id).response();
  return json_response(json::Builder().object().member("acknowledged", true).member("pipelines", *users).text());
}

InferenceApi::Handled InferenceApi::infer(const http::Request& request, const std::string& task_type,
                                          const std::string& id) {
  const Caller caller = caller_of(request);
  const auto endpoint = endpoints_.get(caller, id);
  if (endpoint && !*endpoint && native_.available(caller)) return std::nullopt;
  if (const Refusal unknown = rest::unknown_parameters(request, "timeout")) return unknown->response();
  const auto timeout = timeout_of(request);
  if (!timeout) return timeout.error().response();
  if (!is_any(task_type) && !is_task_type(task_type))
    return refused("Unknown task_type [" + task_type + "]").response();
  const auto body = object_in(request);
  if (!body) return body.error().response();
  auto input = read_inference_body(*body);
  if (!input) return input.error().response();
  if (!endpoint) return endpoint.error().response();
  if (!*endpoint) return endpoint_not_found(id).response();
  if (const Refusal refusal = check_task(**endpoint, task_type)) return refusal->response();
  if (const Refusal refusal = check_input_type(**endpoint, input->type)) return refusal->response();
  const auto settings = body->FindMember("task_settings");
  const auto set_up = settings == body->MemberEnd() ? endpoint : with_task_settings(*endpoint, settings->value);
  if (!set_up) return set_up.error().response();
  input->hops = caller.hops;
  input->ids = caller.ids();
  const auto vectors = executor_.infer_and_wait(*set_up, std::move(*input), *timeout);
  auto response = vectors ? json_response(embeddings_json(*vectors)) : vectors.error().response();
  if (*timeout > executor_.longest_call()) response.headers.add("Warning", k_timeout_cut);
  return response;
}

Refusal InferenceApi::refuse_semantic_text(const http::Request& request) {
  if (!may_map_semantic_text(request)) return {};
  const Caller caller = caller_of(request);
  const auto explain = [](const SemanticText& field, const std::string& why) {
    return illegal_argument("field [" + field.name + "] of type [" + field.type + "] cannot be filled: " + why +
                            "; use a [dense_vector] field with an ingest pipeline that has an [inference] "
                            "processor, and [query_vector_builder] in searches");
  };
  for (const auto& field : semantic_texts_in(request)) {
    if (!native_.available(caller))
      return explain(field, "it requires inference by the cluster itself, which is not available");
    for (const auto& id : field.inference_ids) {
      const auto ours = endpoints_.shown(caller, id);
      if (!ours) return ours.error();
      if (*ours) return explain(field, "inference endpoint [" + id + "] is stored by the gateway, not by the cluster");
    }
  }
  return {};
}

void InferenceApi::add_routes(rest::Router& router) {
  using Parameters = rest::PathParameters;
  const auto both = [&router](Method method, auto handler) {
    router.add({method}, "/_inference/{id}", [handler](const http::Request& request, const Parameters& path) {
      return handler(request, "", path.get("id"));
    });
    router.add({method}, "/_inference/{task}/{id}", [handler](const http::Request& request, const Parameters& path) {
      return handler(request, path.get("task"), path.get("id"));
    });
  };
  using Text = const std::string&;
  both(Method::put, [this](const http::Request& r, Text task, Text id) { return put(r, task, id); });
  both(Method::get, [this](const http::Request& r, Text task, Text id) { return get(r, task, id); });
  both(Method::delete_, [this](const http::Request& r, Text task, Text id) { return remove(r, task, id); });
  both(Method::post, [this](const http::Request& r, Text task, Text id) { return infer(r, task, id); });
  router.add({Method::get}, "/_inference",
             [this](const http::Request& request, const Parameters&) { return list(request, ""); });
  router.add({Method::put}, "/_inference/{id}/_update", [this](const http::Request& request, const Parameters& path) {
    return update(request, "", path.get("id"));
  });
  router.add({Method::put}, "/_inference/{task}/{id}/_update",
             [this](const http::Request& request, const Parameters& path) {
               return update(request, path.get("task"), path.get("id"));
             });
}

}  // namespace sightline::elastic
