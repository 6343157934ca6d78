// The HTTP request that a custom endpoint makes of some inputs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/endpoint.h"
#include "server/http/client.h"

namespace sightline::elastic {

/// What is sent to an endpoint: texts (a picture is one too, as a data URI or base64), and why.
struct InferenceInput {
  std::vector<std::string_view> texts;
  InputType type = InputType::unspecified;
  TaskParameters parameters = {};  ///< `task_settings` of the request, over those of the endpoint
};

/// Where the request goes: URL with its query, and headers, filled from secret parameters and from
/// string-typed task parameters, raw. Errors as fill_placeholders, and illegal_state_exception for what is no
/// http(s) URL.
Answer<http::ClientRequest> render_target(const Endpoint& endpoint, const TaskParameters& parameters);

/// The body, filled with JSON: `${input}` is a list of strings even for one input, `${input_type}` a string,
/// secret and task parameters are JSON values. Errors as fill_placeholders.
Answer<std::string> render_body(const Endpoint& endpoint, const InferenceInput& input);

/// 400 status_exception "Failed to construct the custom service request", with its cause.
ElasticError construction_failed(ElasticError cause);

/// "scheme://host:port" of a URL, which connections are counted by.
std::string route_of(std::string_view url);

}  // namespace sightline::elastic
