// What inference endpoints of different services do differently.
#pragma once

#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json/builder.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/embedding_answer.h"
#include "server/elastic/inference/inference_input.h"
#include "server/elastic/inference/settings_reader.h"
#include "server/http/client.h"

namespace sightline::elastic {

struct Endpoint;
class Service;
using ServicePtr = std::shared_ptr<const Service>;

/// Where settings come from. Stored ones may be without their secrets, and hold what no request may set.
enum class SettingsSource { request, stored };

/// What an answer is that holds no vectors.
struct Failure {
  ElasticError error;
  bool retryable = false;  ///< the same request may do better
  bool too_long = false;   ///< one with shorter texts may
};
using ServiceAnswer = std::variant<Embeddings, Failure>;

/// A service with the settings of one endpoint: how its requests are made and its answers read. To add one,
/// derive from this and name it in service.cpp. Thread safety: all members may be called from any thread;
/// nothing changes.
class Service {
 public:
  virtual ~Service() = default;
  virtual std::string_view name() const = 0;  ///< "custom"

  /// Members of `service_settings`, in Elasticsearch's order; `for_store` also those that are not shown.
  virtual void write_service_settings(json::Builder& out, const Endpoint& endpoint, bool for_store) const = 0;
  /// The member `task_settings`, if there are any.
  virtual void write_task_settings(json::Builder& out) const = 0;
  /// The service with `task_settings` of a request, an object, over its own.
  virtual Answer<ServicePtr> with_task_settings(const rapidjson::Value& task_settings,
                                                const Endpoint& endpoint) const = 0;

  /// What `similarity` is where the user names none.
  virtual std::string_view default_similarity() const { return "dot_product"; }
  /// Where requests go, for messages: no secret is filled in.
  virtual std::string url() const = 0;
  /// Endpoints of equal groups, and of equal `requests_per_minute`, share a rate limit.
  virtual std::string rate_limit_group() const = 0;
  /// True if requests may say what their texts are for. All services take the internal kinds.
  virtual bool takes_input_type() const { return true; }
  /// True if texts are cut to `max_input_tokens`, and halved where the server finds them too long.
  virtual bool cuts_texts() const { return false; }

  /// Where a request goes: URL and headers. Errors say what of the settings cannot be sent.
  virtual Answer<http::ClientRequest> target(const Endpoint& endpoint) const = 0;
  /// The body that requests all texts' vectors.
  virtual Answer<std::string> body(const Endpoint& endpoint, const InferenceInput& input) const = 0;
  /// The vectors of an answer of any status, or what it is instead, as Elasticsearch words it.
  virtual ServiceAnswer read(const http::Response& response, const Endpoint& endpoint) const = 0;
};

/// A service by its name.
struct ServiceKind {
  std::string_view name;
  std::vector<std::string_view> task_types;  ///< Elasticsearch's; done here is text_embedding
  /// Reads `service_settings` and `task_settings` (null: none) into the endpoint and gives it its service.
  Refusal (*read)(Endpoint& endpoint, const rapidjson::Value& service_settings, const rapidjson::Value* task_settings,
                  SettingsSource source);
};

/// Null: there is no such service.
const ServiceKind* service_kind(std::string_view name);

// ---- for services

/// "{lead} for request from inference entity id [clip] status [500]. Error message: [{message}]", with the
/// status that Elasticsearch makes of it.
ElasticError error_of_status(std::string_view lead, int status, std::string_view message, const Endpoint& endpoint);
/// The lead of statuses that a service does not word in its own way: "Unhandled redirection", ...
std::string_view usual_lead(int status);
/// 2xx.
bool is_success(int status);
/// What a successful answer without a body is.
Failure empty_answer(const Endpoint& endpoint);
/// 400 "Failed to construct the custom service request", with its cause.
ElasticError construction_failed(std::string_view service, ElasticError cause);

/// 500 for something that cannot be sent.
ElasticError illegal_state(std::string reason);
/// An object of strings.
void write_map(json::Builder& out, std::string_view name, const StringPairs& pairs);

/// similarity, dimensions, max_input_tokens.
void read_vector_settings(Endpoint& endpoint, SettingsReader& settings);
void write_vector_settings(json::Builder& out, const Endpoint& endpoint);
/// rate_limit.requests_per_minute, or the default.
Refusal read_rate_limit(Endpoint& endpoint, SettingsReader& settings, ValidationFaults& faults,
                        std::string_view service, int default_rate);
void write_rate_limit(json::Builder& out, const Endpoint& endpoint);
/// `task_settings` as an object; null if there are none. Errors: it is something else.
Answer<const rapidjson::Value*> task_settings_object(const rapidjson::Value* task_settings);
/// 400 if there are settings that were not read.
Refusal nothing_unknown(const SettingsReader& reader, std::string_view service);

}  // namespace sightline::elastic
