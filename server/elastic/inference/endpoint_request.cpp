#include "server/elastic/inference/endpoint_request.h"

#include <algorithm>

#include "server/elastic/inference/placeholders.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

ElasticError illegal_state(std::string reason) {
  return {500, "illegal_state_exception", std::move(reason)};
}

TaskParameters merged(const TaskParameters& stored, const TaskParameters& given) {
  TaskParameters all = given;
  all.insert(stored.begin(), stored.end());
  return all;
}

PlaceholderValues string_values(const Endpoint& endpoint, const TaskParameters& parameters) {
  PlaceholderValues values;
  for (const auto& [name, parameter] : parameters) {
    if (parameter.text) values[name] = *parameter.text;
  }
  for (const auto& [name, secret] : endpoint.secrets) values.emplace(name, secret);
  return values;
}

/// Refuses what java.net.URI refuses, and what is not reached over HTTP. `shown` is the url with its
/// placeholders: what they stand for may be secret.
Refusal check_url(std::string_view url, const std::string& shown) {
  for (std::size_t i = 0; i < url.size(); ++i) {
    const auto c = static_cast<unsigned char>(url[i]);
    if (c <= ' ' || c == 0x7f || std::string_view("\"<>\\^`{|}").find(url[i]) != std::string_view::npos) {
      const char* part = url.find('?') < i ? "query" : "path";
      return illegal_state("Failed to build URI, error: Illegal character in " + std::string(part) +
                           " at index " + std::to_string(i) + ": " + shown);
    }
  }
  const auto authority = url.find("://");
  const auto scheme = url.substr(0, authority);
  if (authority == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    return illegal_state("Failed to build URI, error: the url must begin with http:// or https:// but is: " +
                         shown);
  }
  const auto host = url.substr(authority + 3, url.find_first_of("/?#", authority + 3) - (authority + 3));
  if (host.empty() || host.front() == ':')
    return illegal_state("Failed to build URI, error: no host in url: " + shown);
  return {};
}

/// Header fields may not break the line: a secret or a parameter could smuggle one in.
Refusal check_header(const std::string& name, std::string_view value) {
  const bool bad_name = name.empty() || name.find_first_of("\r\n: ") != std::string::npos;
  if (!bad_name && value.find_first_of("\r\n") == std::string_view::npos) return {};
  return illegal_state("header [" + name + "] holds a character that a header may not have");
}

/// Texts and parameters of a request are templates too, as in Elasticsearch; but whoever may only use an
/// endpoint must not have its secrets sent in a text, which the inference server may show in an error.
Refusal check_secrets_not_named(const Endpoint& endpoint, const InferenceInput& input) {
  const auto names_secret = [&](std::string_view text) {
    if (text.find("${") == std::string_view::npos) return false;
    return std::any_of(endpoint.secrets.begin(), endpoint.secrets.end(), [&](const auto& secret) {
      return text.find("${" + secret.first) != std::string_view::npos;
    });
  };
  bool found = std::any_of(input.texts.begin(), input.texts.end(), names_secret);
  for (const auto& [name, parameter] : input.parameters) found = found || names_secret(parameter.json);
  if (!found) return {};
  return illegal_state("the input or a parameter holds the placeholder of a secret parameter");
}

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

}  // namespace

Answer<http::ClientRequest> render_target(const Endpoint& endpoint, const TaskParameters& parameters) {
  const auto values = string_values(endpoint, merged(endpoint.parameters, parameters));
  http::ClientRequest request;
  request.method = http::Method::post;
  auto url = fill_placeholders(endpoint.url, values, "url");
  if (!url) return url.error();
  if (Refusal refusal = check_url(*url, endpoint.url)) return *refusal;
  request.url = std::move(*url);
  std::string query;
  for (const auto& [name, value] : endpoint.query_parameters) {
    auto filled = fill_placeholders(value, values, "query parameters: [" + name + "]");
    if (!filled) return filled.error();
    query += (query.empty() ? "" : "&") + http::percent_encode(name) + "=" + http::percent_encode(*filled);
  }
  set_query(request.url, query);
  request.headers.set("Content-Type", "application/json");
  for (const auto& [name, value] : endpoint.headers) {
    auto filled = fill_placeholders(value, values, "header." + name);
    if (!filled) return filled.error();
    if (Refusal refusal = check_header(name, *filled)) return *refusal;
    request.headers.set(name, std::move(*filled));
  }
  return request;
}

Answer<std::string> render_body(const Endpoint& endpoint, const InferenceInput& input) {
  if (Refusal refusal = check_secrets_not_named(endpoint, input)) return *refusal;
  PlaceholderValues values;
  std::size_t bytes = 2;
  for (const auto text : input.texts) bytes += text.size() + 3;
  std::string& list = values["input"];
  list.reserve(bytes);
  list += '[';
  for (const auto text : input.texts) {
    if (list.size() > 1) list += ',';
    rest::append_json_string(list, text);
  }
  list += ']';
  rest::append_json_string(values["input_type"], endpoint.translated(input.type));
  for (auto& [name, parameter] : merged(endpoint.parameters, input.parameters))
    values.emplace(name, parameter.json);
  for (const auto& [name, secret] : endpoint.secrets) {
    if (std::string json; values.find(name) == values.end())
      rest::append_json_string(json, secret), values.emplace(name, std::move(json));
  }
  return fill_placeholders(endpoint.request, values, "request");
}

ElasticError construction_failed(ElasticError cause) {
  ElasticError error{400, "status_exception", "Failed to construct the custom service request"};
  error.causes.push_back(std::move(cause));
  return error;
}

std::string route_of(std::string_view url) {
  const auto authority = url.find("://");
  if (authority == std::string_view::npos) return std::string(url);
  return std::string(url.substr(0, url.find_first_of("/?#", authority + 3)));
}

}  // namespace sightline::elastic
