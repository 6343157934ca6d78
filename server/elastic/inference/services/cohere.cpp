#include "server/elastic/inference/services/cohere.h"

#include "server/elastic/inference/request_target.h"
#include "server/elastic/inference/services/vendor_service.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_name = "cohere";
constexpr const char* k_default_url = "https://api.cohere.com";
constexpr const char* k_path = "/v2/embed";
constexpr int k_requests_per_minute = 10'000;

struct CohereTaskSettings {
  std::optional<std::string> input_type;  ///< Elasticsearch's words: "ingest", "search", ...
  std::optional<std::string> truncate;    ///< "none", "start", "end"
};

struct CohereSettings {
  std::optional<std::string> url;  ///< as given; its path does not count
  std::string model_id;
  CohereTaskSettings task;
};

Answer<CohereTaskSettings> read_task_settings(const rapidjson::Value* object) {
  CohereTaskSettings task;
  if (!object) return task;
  ValidationFaults faults;
  SettingsReader reader(*object, "task_settings", faults);
  task.input_type = reader.choice("input_type", {"classification", "clustering", "ingest", "search"});
  task.truncate = reader.choice("truncate", {"end", "none", "start"});
  if (!faults.empty()) return faults.error();
  if (Refusal unknown = nothing_unknown(reader, k_name)) return *unknown;
  return task;
}

/// Cohere's word for a role; empty for one that is not named.
std::string_view role_of(InputType type) {
  switch (type) {
    case InputType::ingest:
    case InputType::internal_ingest:
      return "search_document";
    case InputType::search:
    case InputType::internal_search:
      return "search_query";
    case InputType::classification:
      return "classification";
    case InputType::clustering:
      return "clustering";
    case InputType::unspecified:
      break;
  }
  return {};
}

class CohereService final : public VendorService {
 public:
  explicit CohereService(CohereSettings settings) : settings_(std::move(settings)) {}

  std::string_view name() const override { return k_name; }
  std::string_view title() const override { return "Cohere"; }
  std::string url() const override {
    return std::string(server_of(settings_.url ? *settings_.url : k_default_url)) + k_path;
  }
  std::string rate_limit_group() const override { return url() + '\n' + settings_.model_id; }

  void write_service_settings(json::Builder& out, const Endpoint& endpoint, bool for_store) const override {
    out.member_if("url", settings_.url);
    write_vector_settings(out, endpoint);
    out.member("model_id", settings_.model_id);
    write_rate_limit(out, endpoint);
    out.member("embedding_type", "float");
    if (for_store) write_api_key(out, endpoint);
  }

  void write_task_settings(json::Builder& out) const override {
    const auto& task = settings_.task;
    if (!task.input_type && !task.truncate) return;
    out.object("task_settings");
    out.member_if("input_type", task.input_type);
    out.member_if("truncate", task.truncate);
    out.end();
  }

  Answer<ServicePtr> with_task_settings(const rapidjson::Value& task_settings, const Endpoint&) const override {
    auto given = read_task_settings(&task_settings);
    if (!given) return given.error();
    CohereSettings merged = settings_;
    if (given->input_type) merged.task.input_type = std::move(given->input_type);
    if (given->truncate) merged.task.truncate = std::move(given->truncate);
    return ServicePtr(std::make_shared<const CohereService>(std::move(merged)));
  }

  Answer<std::string> body(const Endpoint&, const InferenceInput& input) const override {
    json::Builder json;
    json.object().member(input.one_vector ? "inputs" : "texts", json::Raw{inputs_json(input)});
    json.member("model", settings_.model_id);
    json.member("input_type", role(input.type)).array("embedding_types").value("float").end();
    return json.member_if("truncate", settings_.task.truncate).text();
  }

 private:
  /// The request's own role goes before that of the task settings. Cohere requires one.
  std::string_view role(InputType type) const {
    if (const auto named = role_of(type); !named.empty()) return named;
    const auto& word = settings_.task.input_type;
    return role_of(word ? input_type_of(*word).value_or(InputType::search) : InputType::search);
  }

  void add_headers(http::Headers& headers) const override {
    headers.set("Request-Source", "unspecified:elasticsearch");
  }

  Answer<Embeddings> vectors_in(const rapidjson::Value& answer) const override {
    if (!answer.IsObject() || !answer.HasMember("embeddings"))
      return illegal_argument("Failed to find required field [embeddings] in Cohere embeddings response");
    const auto& embeddings = answer["embeddings"];
    if (embeddings.IsArray()) return embeddings_at(answer, "$.embeddings");
    if (!embeddings.IsObject() || !embeddings.HasMember("float")) {
      return illegal_argument(
          "Failed to find a supported embedding type in the Cohere embeddings response. Supported types are "
          "[float]");
    }
    return embeddings_at(answer, "$.embeddings.float");
  }

  Failure failure_of(const http::Response& response, const Endpoint& endpoint) const override {
    const int status = response.status;
    const std::string message = error_message(response.body, {"message"});
    const bool too_many =
        status == 400 && message.find("invalid request: total number of texts must be at most") != std::string::npos;
    const auto lead = too_many ? "Received a texts array too large response" : usual_lead(status);
    return {error_of_status(lead, status, message, endpoint), status == 429 || status == 500};
  }

  CohereSettings settings_;
};

/// Elasticsearch's default; the others would need indices of bytes.
void read_embedding_type(SettingsReader& settings, ValidationFaults& faults) {
  const auto type = settings.choice("embedding_type", {"binary", "bit", "byte", "float", "int8"});
  if (type && *type != "float")
    faults.add("[service_settings] embedding_type [" + *type + "] is not supported here, use [float]");
}

}  // namespace

Refusal read_cohere(Endpoint& endpoint, const rapidjson::Value& service_settings, const rapidjson::Value* task_settings,
                    SettingsSource source) {
  CohereSettings cohere;
  ValidationFaults faults;
  SettingsReader settings(service_settings, "service_settings", faults);
  cohere.url = read_url(settings, faults, false);
  read_vector_settings(endpoint, settings);
  const auto old_name = settings.optional_string("model");
  const auto model_id = settings.optional_string("model_id");
  if (!model_id && !old_name) faults.add("The [service_settings.model_id] field is required for the Cohere V2 API.");
  cohere.model_id = model_id ? *model_id : old_name.value_or("");
  if (Refusal refusal = read_rate_limit(endpoint, settings, faults, k_name, k_requests_per_minute)) return refusal;
  read_embedding_type(settings, faults);
  if (!faults.empty()) return faults.error();
  const auto task_object = task_settings_object(task_settings);
  if (!task_object) return task_object.error();
  auto task = read_task_settings(*task_object);
  if (!task) return task.error();
  cohere.task = std::move(*task);
  if (Refusal refusal = read_api_key(endpoint, settings, faults, source)) return refusal;
  if (Refusal unknown = nothing_unknown(settings, k_name)) return unknown;
  endpoint.service = std::make_shared<const CohereService>(std::move(cohere));
  return {};
}

}  // namespace sightline::elastic
