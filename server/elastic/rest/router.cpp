#include "server/elastic/rest/router.h"

#include <algorithm>
#include <array>

#include "base/split.h"

namespace sightline::elastic::rest {
namespace {

using http::Method;

bool is_common(std::string_view name) {
  const auto& rows = common_parameters();
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.info.name == name; });
}

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
  for (const char c : message) {  // paths come percent-encoded, so quotes and backslashes are all that matters
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
    response = framework_error(405,
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
    if (!is_common(name) && std::find(names_known.begin(), names_known.end(), name) == names_known.end()) {
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

void Router::add(std::initializer_list<Method> methods, std::string_view pattern, Handler handler) {
  add_route(methods, pattern, nullptr, std::move(handler));
}

void Router::add_route(std::initializer_list<Method> methods, std::string_view pattern,
                       const ParameterTableBase* parameters, Handler handler) {
  routes_.push_back({methods, split(pattern, '/'), parameters, std::move(handler)});
}

std::vector<Router::RouteInfo> Router::routes() const {
  std::vector<RouteInfo> routes;
  for (const Route& route : routes_) {
    std::string pattern;
    for (const std::string& part : route.parts) pattern += (pattern.empty() ? "" : "/") + part;
    routes.push_back({route.methods, pattern.starts_with('/') ? pattern : "/" + pattern, route.parameters});
  }
  return routes;
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
    if (std::find(route.methods.begin(), route.methods.end(), method) != route.methods.end()) found.route = &route;
  }
  return found;
}

std::optional<http::Response> Router::call(const Route& route, const http::Request& request,
                                           std::vector<std::string> parts) const {
  PathParameters parameters;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = route.parts[i];
    if (is_variable(part)) parameters.add(std::string_view(part).substr(1, part.size() - 2), std::move(parts[i]));
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
      400, "no handler found for uri [" + uri(request) + "] and method [" + http::to_string(request.method) + "]",
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

Answer<bool> flag_from(std::string_view name, const std::string& text) {
  if (text.empty() || text == "true") return true;
  if (text == "false") return false;
  ElasticError error = illegal_argument("Could not convert [" + std::string(name) + "] to boolean");
  error.cause_type = "illegal_argument_exception";
  error.cause_reason = "Failed to parse value [" + text + "] as only [true] or [false] are allowed.";
  return error;
}

Answer<bool> query_flag(const http::Request& request, std::string_view name, bool otherwise) {
  const auto value = query_parameter(request, name);
  if (!value) return otherwise;
  return flag_from(name, *value);
}

}  // namespace sightline::elastic::rest
