// The service `cohere`.
#pragma once

#include "server/elastic/inference/endpoint.h"

namespace sightline::elastic {

/// Reads the settings of an endpoint of service `cohere`, see
/// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-inference-put-cohere
///
/// Requests go to `/v2/embed` of Cohere, or of the scheme, host and port of `url`; texts only, all of a call
/// in one request. Their role goes along: `search_document` for what is indexed, `search_query` for what is
/// searched, and where neither a request nor `task_settings` names one. 429 and 500 are worth another try.
Refusal read_cohere(Endpoint& endpoint, const rapidjson::Value& service_settings, const rapidjson::Value* task_settings,
                    SettingsSource source);

}  // namespace sightline::elastic
