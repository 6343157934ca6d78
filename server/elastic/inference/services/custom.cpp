#include "server/elastic/inference/services/custom.h"

#include <map>

#include "base/ascii_lower.h"
#include "base/url_credentials.h"
#include "server/elastic/inference/placeholders.h"
#include "server/elastic/inference/request_target.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_name = "custom";
constexpr int k_requests_per_minute = 10'000;
/// Of URL, query parameters and headers together, once their placeholders are replaced: any number of them may repeat a
/// parameter that is as long as a request.
constexpr std::size_t k_max_target_bytes = 1u << 20;

Refusal nothing_unknown_in(std::string_view field, std::string_view parent, const SettingsReader& reader) {
  if (auto left = reader.left_over(); !left.empty()) {
    return ElasticError{400, "status_exception",
                        "Configuration contains unknown settings [" + left + "] while parsing field [" +
                            std::string(field) + "] for settings [" + std::string(parent) + "]"};
  }
  return {};
}

// ---- settings

/// A value of `task_settings.parameters`: JSON for the body, bare text for URLs and headers (strings only).
struct TaskParameter {
  std::string json;
  std::optional<std::string> text;
};
using TaskParameters = std::map<std::string, TaskParameter>;

struct CustomSettings {
  std::string url;  ///< may hold placeholders, as header values, parameter values and the request may
  StringPairs headers;
  StringPairs query_parameters;
  std::string request;          ///< template of the JSON body
  std::string embeddings_path;  ///< response.json_parser.text_embeddings: "$.data[*].embedding"
  StringPairs translation;      ///< input_type.translation, e.g. {"ingest", "document"}
  std::string default_input_type;
  int batch_size = 10;        ///< stored for chunked inference, which Sightline does not support
  TaskParameters parameters;  ///< task_settings.parameters
};

void read_query_parameters(CustomSettings& custom, SettingsReader& settings, ValidationFaults& faults) {
  const auto* list = settings.take("query_parameters");
  if (!list) return;
  const auto fault = [&](const std::string& what) {
    faults.add("[service_settings] failed to parse [query_parameters]: " + what);
  };
  if (!list->IsArray()) return fault("expected a list of [key, value] pairs but found [" + java_text(*list) + "]");
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    const auto& pair = (*list)[i];
    if (!pair.IsArray() || pair.Size() != 2 || !pair[0].IsString() || !pair[1].IsString()) {
      return fault("entry [" + std::to_string(i) + "] must be a list of two strings but is [" + java_text(pair) + "]");
    }
    custom.query_parameters.emplace_back(pair[0].GetString(), pair[1].GetString());
  }
}

Refusal read_response(CustomSettings& custom, SettingsReader& settings, ValidationFaults& faults) {
  const auto* response = settings.required_object("response");
  if (!response) return faults.error();
  SettingsReader reader(*response, "service_settings.response", faults);
  const auto* parser = reader.required_object("json_parser");
  if (!parser) return faults.error();
  SettingsReader json_parser(*parser, "service_settings.response.json_parser", faults);
  custom.embeddings_path = json_parser.required_string("text_embeddings").value_or("");
  const auto type = json_parser.choice("embedding_type", {"binary", "bit", "byte", "float"});
  if (type && *type != "float") {
    faults.add("[" + json_parser.scope() + "] embedding_type [" + *type + "] is not supported here, use [float]");
  }
  if (Refusal unknown = nothing_unknown_in("json_parser", "custom_service_settings", json_parser)) return unknown;
  return nothing_unknown_in("response", "custom_service_settings", reader);
}

Refusal read_input_type(CustomSettings& custom, SettingsReader& settings, ValidationFaults& faults) {
  const auto* object = settings.optional_object("input_type");
  if (!object) return {};
  SettingsReader reader(*object, "input_type", faults);
  if (const auto* translation = reader.optional_object("translation")) {
    for (const auto& member : translation->GetObject()) {
      const std::string key = member.name.GetString();
      if (!member.value.IsString() || member.value.GetStringLength() == 0) {
        faults.add("Input type translation value for key [" + key +
                   "] must be a String that is not null and not empty, received: [" + java_text(member.value) + "].");
        continue;
      }
      const std::string word = ascii_lower(key);
      const auto type = input_type_of(word);
      if (!type || *type == InputType::unspecified) {
        faults.add("Invalid input type translation for key: [" + key +
                   "], is not a valid value. Must be one of [ingest, search, classification, clustering]");
        continue;
      }
      custom.translation.emplace_back(word, member.value.GetString());
    }
  }
  custom.default_input_type = reader.optional_string("default", true).value_or("");
  return nothing_unknown_in("input_type", "input_type_translator", reader);
}

Refusal read_settings(Endpoint& endpoint, CustomSettings& custom, const rapidjson::Value& object,
                      ValidationFaults& faults) {
  SettingsReader settings(object, "service_settings", faults);
  read_vector_settings(endpoint, settings);
  custom.url = settings.required_string("url").value_or("");
  read_query_parameters(custom, settings, faults);
  custom.headers = settings.string_map("headers");
  custom.request = settings.required_string("request").value_or("");
  if (Refusal refusal = read_response(custom, settings, faults)) return refusal;
  if (Refusal refusal = read_rate_limit(endpoint, settings, faults, k_name, k_requests_per_minute)) return refusal;
  if (Refusal refusal = read_input_type(custom, settings, faults)) return refusal;
  if (const auto size = settings.positive_integer("batch_size")) custom.batch_size = *size;
  endpoint.secrets = settings.string_map("secret_parameters", true);
  return nothing_unknown(settings, k_name);
}

/// `{"parameters": {...}}`.
Answer<TaskParameters> read_parameters(const rapidjson::Value* task_settings,
                                       SettingsSource source = SettingsSource::request) {
  TaskParameters parameters;
  const auto settings = task_settings_object(task_settings);
  if (!settings) return settings.error();
  if (!*settings) return parameters;
  ValidationFaults faults;
  SettingsReader reader(**settings, "task_settings", faults);
  if (const auto* object = reader.optional_object("parameters")) {
    for (const auto& member : object->GetObject()) {
      const auto& value = member.value;
      if (value.IsNull()) continue;
      const bool plain = value.IsString() || value.IsBool() || value.IsInt() || value.IsDouble();
      if (!plain) {
        const std::string text = java_text(value).substr(0, 256);
        faults.add("Map field [parameters] has an entry that is not valid, [" + std::string(member.name.GetString()) +
                   " => " + text + "]. Value type of [" + text +
                   "] is not one of [Boolean, Double, Float, Integer, String].");
        continue;
      }
      // Elasticsearch looks for placeholders in values, too; here they would be sent as they are.
      if (source == SettingsSource::request && value.IsString() && holds_placeholder(value.GetString())) {
        faults.add("Map field [parameters] has an entry [" + std::string(member.name.GetString()) +
                   "] that holds a placeholder; put it into [url], [headers], [query_parameters] or "
                   "[request]");
        continue;
      }
      parameters[member.name.GetString()] = {
          json::text_of(value), value.IsString() ? std::optional<std::string>(value.GetString()) : std::nullopt};
    }
  }
  if (!faults.empty()) return faults.error();
  if (Refusal unknown = nothing_unknown(reader, k_name)) return *unknown;
  return parameters;
}

/// A name stands for one value: that of a secret, or that of a parameter.
void add_shared_names(const TaskParameters& parameters, const StringPairs& secrets, ValidationFaults& faults) {
  for (const auto& [name, secret] : secrets) {
    if (parameters.contains(name)) {
      faults.add("[secret_parameters] and [task_settings.parameters] both contain [" + name +
                 "], give it one of the names only");
    }
  }
}

// ---- requests

void set_query(std::string& url, const std::string& parameters) {
  if (parameters.empty()) return;
  std::string fragment;
  if (const auto hash = url.find('#'); hash != std::string::npos) {
    fragment = url.substr(hash);
    url.resize(hash);
  }
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += parameters + fragment;
}

class CustomService final : public Service {
 public:
  explicit CustomService(CustomSettings settings) : settings_(std::move(settings)) {}

  std::string_view name() const override { return k_name; }
  std::string url() const override { return settings_.url; }
  std::string rate_limit_group() const override { return settings_.url + '\n' + settings_.request; }

  void write_service_settings(json::Builder& out, const Endpoint& endpoint, bool for_store) const override;
  void write_task_settings(json::Builder& out) const override;
  Answer<ServicePtr> with_task_settings(const rapidjson::Value& task_settings, const Endpoint& endpoint) const override;

  Answer<http::ClientRequest> target(const Endpoint& endpoint) const override;
  Answer<std::string> body(const Endpoint& endpoint, const InferenceInput& input) const override;
  ServiceAnswer read(const http::Response& response, const Endpoint& endpoint) const override;

 private:
  /// What ${input_type} stands for, without quotes. No translation has the internal kinds, as in
  /// Elasticsearch.
  std::string translated(InputType type) const;

  CustomSettings settings_;
};

void CustomService::write_service_settings(json::Builder& out, const Endpoint& endpoint, bool for_store) const {
  write_vector_settings(out, endpoint);
  out.member("url", settings_.url);
  if (!settings_.headers.empty()) write_map(out, "headers", settings_.headers);
  if (!settings_.query_parameters.empty()) {
    out.array("query_parameters");
    for (const auto& [name, value] : settings_.query_parameters) out.array().value(name).value(value).end();
    out.end();
  }
  out.member("request", settings_.request);
  out.object("response");
  write_map(out, "json_parser", {{"text_embeddings", settings_.embeddings_path}, {"embedding_type", "float"}});
  out.end();
  out.object("input_type");
  write_map(out, "translation", settings_.translation);
  out.member("default", settings_.default_input_type);
  out.end();
  write_rate_limit(out, endpoint);
  out.member("batch_size", settings_.batch_size);
  if (for_store) write_map(out, "secret_parameters", endpoint.secrets);
}

void CustomService::write_task_settings(json::Builder& out) const {
  if (settings_.parameters.empty()) return;
  out.object("task_settings");
  out.object("parameters");
  for (const auto& [name, parameter] : settings_.parameters) out.member(name, json::Raw{parameter.json});
  out.end();
  out.end();
}

Answer<ServicePtr> CustomService::with_task_settings(const rapidjson::Value& task_settings,
                                                     const Endpoint& endpoint) const {
  auto given = read_parameters(&task_settings);
  if (!given) return given.error();
  ValidationFaults faults;
  add_shared_names(*given, endpoint.secrets, faults);
  if (!faults.empty()) return faults.error();
  CustomSettings merged = settings_;
  given->insert(merged.parameters.begin(), merged.parameters.end());
  merged.parameters = std::move(*given);
  return ServicePtr(std::make_shared<const CustomService>(std::move(merged)));
}

std::string CustomService::translated(InputType type) const {
  for (const auto& [word, translation] : settings_.translation) {
    if (input_type_of(word) == type) return translation;
  }
  return settings_.default_input_type;
}

Answer<http::ClientRequest> CustomService::target(const Endpoint& endpoint) const {
  PlaceholderValues values;
  for (const auto& [name, parameter] : settings_.parameters) {
    if (parameter.text) values[name] = *parameter.text;
  }
  for (const auto& [name, secret] : endpoint.secrets) values.emplace(name, secret);
  http::ClientRequest request;
  request.method = http::Method::post;
  FillLimit limit{"the URL, query parameters and headers grow", k_max_target_bytes};
  auto url = fill_placeholders(settings_.url, values, "url", limit);
  if (!url) return url.error();
  if (const auto fault = url_fault(*url))
    return illegal_state("Failed to build URI, error: " + *fault + ": " + without_credentials(settings_.url));
  request.url = std::move(*url);
  std::string query;
  for (const auto& [name, value] : settings_.query_parameters) {
    auto filled = fill_placeholders(value, values, "query parameters: [" + name + "]", limit);
    if (!filled) return filled.error();
    query += (query.empty() ? "" : "&") + http::percent_encode(name) + "=" + http::percent_encode(*filled);
  }
  set_query(request.url, query);
  request.headers.set("Content-Type", "application/json");
  for (const auto& [name, value] : settings_.headers) {
    auto filled = fill_placeholders(value, values, "header." + name, limit);
    if (!filled) return filled.error();
    if (const auto fault = header_fault(name, *filled)) return illegal_state(*fault);
    request.headers.set(name, std::move(*filled));
  }
  return request;
}

Answer<std::string> CustomService::body(const Endpoint& endpoint, const InferenceInput& input) const {
  PlaceholderValues values;
  values["input"] = inputs_json(input);
  values["input_type"] = json::json_string(translated(input.type));
  for (const auto& [name, parameter] : settings_.parameters) values.emplace(name, parameter.json);
  for (const auto& [name, secret] : endpoint.secrets) {
    if (values.find(name) == values.end()) values.emplace(name, json::json_string(secret));
  }
  return fill_placeholders(settings_.request, values, "request");
}

ServiceAnswer CustomService::read(const http::Response& response, const Endpoint& endpoint) const {
  const int status = response.status;
  if (!is_success(status))
    return Failure{error_of_status(usual_lead(status), status, response.body, endpoint), status == 429};
  if (response.body.empty()) return empty_answer(endpoint);
  auto embeddings = parse_embeddings(response.body, settings_.embeddings_path);
  if (embeddings) return std::move(*embeddings);
  ElasticError error{400, "status_exception",
                     "Failed to parse custom model response, please check that the response parser path matches the "
                     "response format."};
  error.causes.push_back(embeddings.error());
  return Failure{std::move(error)};
}

}  // namespace

Refusal read_custom(Endpoint& endpoint, const rapidjson::Value& service_settings, const rapidjson::Value* task_settings,
                    SettingsSource source) {
  CustomSettings custom;
  auto parameters = read_parameters(task_settings, source);
  if (!parameters) return parameters.error();
  custom.parameters = std::move(*parameters);
  ValidationFaults faults;
  if (Refusal refusal = read_settings(endpoint, custom, service_settings, faults)) return refusal;
  add_shared_names(custom.parameters, endpoint.secrets, faults);
  if (!faults.empty()) return faults.error();
  endpoint.service = std::make_shared<const CustomService>(std::move(custom));
  return {};
}

}  // namespace sightline::elastic
