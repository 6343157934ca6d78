#include "server/elastic/rest/router.h"

#include <algorithm>
#include <array>

#include "base/split.h"

namespace sightline::elastic::rest {
namespace {

using http::Method;

constexpr std::array<std::string_view, 5> k_common_parameters = {"pretty", "human", "error_trace",
                                                                 "filter_path", "format"};

/// The order in which Elasticsearch lists methods.
constexpr std::array<Method, 6> k_method_order = {Method::get,     Method::post, Method::put,
                                                  Method::delete_, Method::head, Method::patch};

bool is_variable(const std::string& part) {
  return part.size() > 2 && part.front() == '{';
}

/// How well a pattern fits: -1 not at all; else a number with a bit a part, set where the text is fixed,
/// first part highest.
int fit(const std::vector<std::string>& pattern, const std::vector<std::string>& parts) {
  if (pattern.size() != parts.size()) return -1;
  int score = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool fixed = !is_variable(pattern[i]);
    if (fixed ? pattern[i] != parts[i] : parts[i].empty()) return -1;
    score = score * 2 + (fixed ? 1 : 0);
  }
  return score;
}

std::string join(const std::vector<Method>& methods, const char* separator) {
  std::string text;
  for (const Method method : methods) {
    if (!text.empty()) text += separator;
    text += http::to_string(method);
  }
  return text;
}

http::Response framework_error(int status, const std::string& message, bool with_status) {
  http::Response response;
  response.status = status;
  response.body = "{\"error\":\"";
  for (const char c :
       message) {  // paths come percent-encoded, so quotes and backslashes are all that matters
    if (c == '"' || c == '\\') response.body += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) response.body += c;
  }
  response.body += with_status ? "\",\"status\":" + std::to_string(status) + "}" : "\"}";
  return response;
}

std::string uri(const http::Request& request) {
  return request.query.empty() ? request.path : request.path + "?" + request.query;
}

http::Response wrong_method(const http::Request& request, const std::vector<Method>& known) {
  std::vector<Method> allowed;
  for (const Method method : k_method_order) {
    if (std::find(known.begin(), known.end(), method) != known.end()) allowed.push_back(method);
  }
  http::Response response;
  if (request.method == Method::options) {
    response.content_type = "text/plain; charset=UTF-8";
  } else {
    response =
        framework_error(405,
                        "Incorrect HTTP method for uri [" + uri(request) + "] and method [" +
                            http::to_string(request.method) + "], allowed: [" + join(allowed, ", ") + "]",
                        true);
  }
  response.headers.set("Allow", join(allowed, ","));
  return response;
}

}  // namespace

Refusal unknown_parameters(const http::Request& request, std::string_view known) {
  const auto names_known = split(known, ' ');
  std::vector<std::string> unknown;
  for (auto& [name, value] : request.query_parameters()) {
    if (std::find(k_common_parameters.begin(), k_common_parameters.end(), name) ==
            k_common_parameters.end() &&
        std::find(names_known.begin(), names_known.end(), name) == names_known.end()) {
      unknown.push_back(name);
    }
  }
  if (unknown.empty()) return std::nullopt;
  std::sort(unknown.begin(), unknown.end());
  unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
  std::string names;
  for (const std::string& name : unknown) names += (names.empty() ? "[" : ", [") + name + "]";
  return illegal_argument("request [" + request.path + "] contains unrecognized parameter" +
                          (unknown.size() > 1 ? "s" : "") + ": " + names);
}

const std::string& PathParameters::get(std::string_view name) const {
  static const std::string k_empty;
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return k_empty;
}

void Router::add(std::initializer_list<Method> methods, std::string_view pattern, std::string_view parameters,
                 Handler handler) {
  routes_.push_back({methods, split(pattern, '/'), std::string(parameters), std::move(handler)});
}

void Router::add(std::initializer_list<Method> methods, std::string_view pattern, Handler handler) {
  routes_.push_back({methods, split(pattern, '/'), std::nullopt, std::move(handler)});
}

Router::Found Router::find(const std::vector<std::string>& parts, Method method) const {
  Found found;
  int best_fit = 0;
  for (const Route& route : routes_) {
    const int score = fit(route.parts, parts);
    if (score < 0 || (!found.methods.empty() && score < best_fit)) continue;
    if (score > best_fit) found = {};
    best_fit = score;
    found.methods.insert(found.methods.end(), route.methods.begin(), route.methods.end());
    if (std::find(route.methods.begin(), route.methods.end(), method) != route.methods.end())
      found.route = &route;
  }
  return found;
}

std::optional<http::Response> Router::call(const Route& route, const http::Request& request,
                                           std::vector<std::string> parts) const {
  if (route.parameters) {
    if (auto refusal = unknown_parameters(request, *route.parameters)) return refusal->response();
  }
  PathParameters parameters;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = route.parts[i];
    if (is_variable(part))
      parameters.add(std::string_view(part).substr(1, part.size() - 2), std::move(parts[i]));
  }
  return route.handler(request, parameters);
}

http::Response Router::handle(const http::Request& request) const {
  std::vector<std::string> parts = request.path_parts();
  const Found found = find(parts, request.method);
  if (found.route != nullptr) {
    if (auto answer = call(*found.route, request, std::move(parts))) return std::move(*answer);
  } else if (!found.methods.empty()) {
    return wrong_method(request, found.methods);
  }
  return framework_error(
      400,
      "no handler found for uri [" + uri(request) + "] and method [" + http::to_string(request.method) + "]",
      false);
}

std::optional<http::Response> Router::try_handle(const http::Request& request) const {
  std::vector<std::string> parts = request.path_parts();
  const Found found = find(parts, request.method);
  if (found.route == nullptr) return std::nullopt;
  return call(*found.route, request, std::move(parts));
}

std::optional<std::string> query_parameter(const http::Request& request, std::string_view name) {
  std::optional<std::string> last;
  for (auto& [key, value] : request.query_parameters()) {
    if (key == name) last = std::move(value);
  }
  return last;
}

Answer<bool> query_flag(const http::Request& request, std::string_view name, bool otherwise) {
  const auto value = query_parameter(request, name);
  if (!value) return otherwise;
  if (value->empty() || *value == "true") return true;
  if (*value == "false") return false;
  ElasticError error = illegal_argument("Could not convert [" + std::string(name) + "] to boolean");
  error.cause_type = "illegal_argument_exception";
  error.cause_reason = "Failed to parse value [" + *value + "] as only [true] or [false] are allowed.";
  return error;
}

}  // namespace sightline::elastic::rest
