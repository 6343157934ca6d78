// The service `openai`.
#pragma once

#include "server/elastic/inference/endpoint.h"

namespace sightline::elastic {

/// Reads the settings of an endpoint of service `openai`, see
/// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-inference-put-openai
///
/// Requests are `{"input":[...],"model":...}` to `url` as it stands, with `user` and with the `dimensions`
/// that the user asks for; no role is sent, so that queries and documents are told apart by endpoints alone.
/// 429, 500 and 503 are worth another try.
Refusal read_openai(Endpoint& endpoint, const rapidjson::Value& service_settings,
                    const rapidjson::Value* task_settings, SettingsSource source);

}  // namespace sightline::elastic
