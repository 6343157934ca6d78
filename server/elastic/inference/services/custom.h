// The service `custom`: requests from templates, answers by a path.
#pragma once

#include "server/elastic/inference/endpoint.h"

namespace sightline::elastic {

/// Reads the settings of an endpoint of service `custom`, see
/// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-inference-put-custom
///
/// URL, header and query values are filled raw, from secret parameters and string-typed task parameters; the
/// body is filled with JSON: `${input}` is a list of strings even for one input, `${input_type}` a string.
/// Only 429 is retried. The body of an error is shown unchanged.
Refusal read_custom(Endpoint& endpoint, const rapidjson::Value& service_settings, const rapidjson::Value* task_settings,
                    SettingsSource source);

}  // namespace sightline::elastic
