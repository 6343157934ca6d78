#include "server/elastic/front.h"

#include <algorithm>
#include <exception>

#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Method;

bool is_write(Method method) {
  return method == Method::put || method == Method::post;
}
bool is_read(Method method) {
  return method == Method::get || method == Method::post;
}

/// True if an index expression ("a,b*,-c") may reach the index of definitions. Plain wildcards do not, since
/// it is hidden.
bool reaches_definitions(std::string_view expression, bool with_hidden) {
  while (!expression.empty()) {
    const auto name = expression.substr(0, expression.find(','));
    expression.remove_prefix(std::min(expression.size(), name.size() + 1));
    const bool hidden_counts = with_hidden || name.starts_with('.');
    if (name == k_definition_index ||
        (hidden_counts && (name == "_all" || rest::wildcard_match(name, k_definition_index))))
      return true;
  }
  return false;
}

/// True if the JSON names the index of definitions where requests name indices: under "index", "_index" or
/// "indices".
bool names_definitions(const rapidjson::Value& value, bool is_index) {
  if (value.IsString()) {
    return is_index && reaches_definitions({value.GetString(), value.GetStringLength()}, false);
  }
  if (value.IsArray()) {
    return std::any_of(value.Begin(), value.End(),
                       [&](const rapidjson::Value& item) { return names_definitions(item, is_index); });
  }
  if (!value.IsObject()) return false;
  return std::any_of(value.MemberBegin(), value.MemberEnd(), [](const auto& member) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    return names_definitions(member.value, name == "index" || name == "_index" || name == "indices");
  });
}

/// Bodies that name indices: one JSON object, or one a line.
bool body_names_definitions(std::string_view body) {
  if (const auto whole = rest::parse_json(body)) return names_definitions(*whole, false);
  while (!body.empty()) {
    const auto line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    if (const auto json = rest::parse_json(line); json && names_definitions(*json, false)) return true;
  }
  return false;
}

bool addresses_definitions(const http::Request& request, const std::vector<std::string>& parts) {
  if (parts.empty()) return false;
  bool with_hidden = false;
  if (const auto expand = rest::query_parameter(request, "expand_wildcards")) {
    with_hidden = expand->find("hidden") != std::string::npos || expand->find("all") != std::string::npos;
  }
  const std::string& first = parts.front();
  const std::string& action = parts.back();
  const bool reads_all = first == "_search" || first == "_msearch" || first == "_count";
  if (reaches_definitions(reads_all ? "_all" : first, with_hidden)) return true;
  const bool body_names_indices =
      action == "_mget" || action == "_msearch" || action == "_aliases" || action == "_reindex";
  return body_names_indices && body_names_definitions(request.body);
}

}  // namespace

Front::Front(Store& store, NativeInference& native, InferenceExecutor& executor, const Timer& timer)
    : definitions_(store, timer),
      ingest_(definitions_, executor),
      index_pipelines_(store, timer),
      writes_(store, ingest_, index_pipelines_),
      query_vectors_(store, native, definitions_, executor),
      inference_api_(definitions_, executor),
      pipeline_api_(definitions_, ingest_) {
  inference_api_.add_routes(router_);
  pipeline_api_.add_routes(router_);
}

Outcome Front::decide(http::Request request) {
  try {
    const auto parts = request.path_parts();
    if (auto answer = router_.try_handle(request)) return std::move(*answer);
    if (addresses_definitions(request, parts)) return restricted_index().response();
    return plain(std::move(request), parts);
  } catch (const std::exception& exception) {
    return ElasticError{500, "exception", std::string("a fault of this server: ") + exception.what()}
        .response();
  }
}

Outcome Front::plain(http::Request request, const std::vector<std::string>& parts) {
  const std::size_t count = parts.size();
  const auto part_is = [&](std::size_t at, std::string_view name) { return at < count && parts[at] == name; };
  if (is_write(request.method)) {
    if (count == 1 && part_is(0, "_bulk")) return writes_.bulk(std::move(request), "");
    if (count == 2 && part_is(1, "_bulk")) return writes_.bulk(std::move(request), parts[0]);
    const bool create = part_is(1, "_create") || rest::query_parameter(request, "op_type") == "create";
    if (count == 2 && part_is(1, "_doc") && request.method == Method::post)
      return writes_.document(std::move(request), parts[0], {}, create);
    if (count == 3 && (part_is(1, "_doc") || part_is(1, "_create")))
      return writes_.document(std::move(request), parts[0], parts[2], create);
  }
  if (is_read(request.method) && count > 0 && count <= 2) {
    const std::string& action = parts.back();
    if (action == "_search" || action == "_count") return query_vectors_.search(std::move(request));
    if (action == "_msearch") return query_vectors_.multi_search(std::move(request));
  }
  // Indices, their settings or their names may change: which pipelines they name is asked again.
  const bool changes_indices =
      request.method != Method::get && request.method != Method::head &&
      (count == 1 || part_is(1, "_settings") || part_is(1, "_alias") || part_is(1, "_aliases"));
  if (changes_indices) index_pipelines_.forget();
  return request;
}

}  // namespace sightline::elastic
