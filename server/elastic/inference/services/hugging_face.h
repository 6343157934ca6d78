// The service `hugging_face`.
#pragma once

#include "server/elastic/inference/endpoint.h"

namespace sightline::elastic {

/// Reads the settings of an endpoint of service `hugging_face`, see
/// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-inference-put-hugging-face
///
/// Requests are `{"inputs":[...]}` to `url` unchanged: it names the model, and the role if there is one.
/// Answers are `[[...]]` or `{"embeddings":[[...]]}`. 429, 502 and 503 are worth another try.
Refusal read_hugging_face(Endpoint& endpoint, const rapidjson::Value& service_settings,
                          const rapidjson::Value* task_settings, SettingsSource source);

}  // namespace sightline::elastic
