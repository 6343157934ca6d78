// An inference endpoint: what PUT _inference stores.
#pragma once

#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/services/service.h"
#include "server/elastic/inference/settings_reader.h"

namespace sightline::elastic {

/// What endpoints of all services have; the rest is their service's. Settings and their defaults are
/// Elasticsearch's, see https://www.elastic.co/docs/api/doc/elasticsearch/group/endpoint-inference
struct Endpoint {
  std::string id;
  std::string task_type;  ///< "text_embedding"
  ServicePtr service;     ///< with the endpoint's settings; never null once it is read

  std::optional<std::string> similarity;  ///< cosine, dot_product, l2_norm
  std::optional<int> dimensions;          ///< measured when the endpoint is made
  bool dimensions_fixed = false;          ///< asked for by the user: vectors of another length are refused
  std::optional<int> max_input_tokens;
  int requests_per_minute = 10'000;
  StringPairs secrets;            ///< `secret_parameters`, or `api_key`; never shown
  std::string chunking_settings;  ///< JSON, stored as given for chunked inference, which Sightline does not support

  /// The secret of that name; empty if there is none.
  std::string_view secret(std::string_view name) const;
};

/// Reads the body of PUT _inference/{task_type}/{id}, or a stored endpoint. `task_type` is that of the path,
/// empty if it names none. Errors: those of Elasticsearch, for missing, wrong and unknown settings, unknown
/// services and task types. A stored endpoint may be without its secrets.
Answer<Endpoint> parse_endpoint(std::string id, std::string task_type, const rapidjson::Value& body,
                                SettingsSource source = SettingsSource::request);

/// The endpoint as GET _inference shows it; `for_store` as it is stored, secrets included.
std::string endpoint_json(const Endpoint& endpoint, bool for_store = false);

/// 400 if `before` has secrets and the calls of `after`, which is made from it, would go to another server: they were
/// given for that one.
Refusal refuse_other_server(const Endpoint& before, const Endpoint& after);

/// The endpoint with `task_settings` of a request over its own. Errors: those of the service and of
/// refuse_other_server.
Answer<std::shared_ptr<const Endpoint>> with_task_settings(std::shared_ptr<const Endpoint> endpoint,
                                                           const rapidjson::Value& task_settings);

}  // namespace sightline::elastic
