// The service `openai`.
#pragma once

#include "server/elastic/inference/endpoint.h"

namespace sightline::elastic {

/// Reads the settings of an endpoint of service `openai`, see
/// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-inference-put-openai
///
/// Requests are `{"input":[...],"model":...}` to `url` unchanged, with `user` and with the `dimensions`
/// that the user requests; no role is sent, so that only endpoints distinguish queries and documents.
/// 429, 500 and 503 are worth another try.
Refusal read_openai(Endpoint& endpoint, const rapidjson::Value& service_settings, const rapidjson::Value* task_settings,
                    SettingsSource source);

}  // namespace sightline::elastic
