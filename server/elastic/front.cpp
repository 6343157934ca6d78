#include "server/elastic/front.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <string_view>
#include <variant>

#include "base/cancellation.h"
#include "base/split.h"
#include "server/elastic/definitions/definition_guard.h"
#include "server/elastic/rest/json_bounds.h"
#include "server/elastic/rest/media_type.h"

namespace sightline::elastic {
namespace {

using http::Method;

bool is_write(Method method) {
  return method == Method::put || method == Method::post;
}
bool is_read(Method method) {
  return method == Method::get || method == Method::post;
}

/// What may follow an index in a path, and names no part of another command.
constexpr std::array<std::string_view, 42> k_index_commands{
    "_alias",    "_aliases",    "_async_search",  "_bulk",     "_cache",           "_clone",
    "_close",    "_count",      "_create",        "_delete",   "_delete_by_query", "_doc",
    "_eql",      "_explain",    "_field_caps",    "_fleet",    "_flush",           "_forcemerge",
    "_graph",    "_knn_search", "_mapping",       "_mget",     "_msearch",         "_mtermvectors",
    "_mvt",      "_open",       "_percolate",     "_pit",      "_rank_eval",       "_refresh",
    "_rollover", "_search",     "_search_shards", "_settings", "_shrink",          "_source",
    "_split",    "_terms_enum", "_termvectors",   "_update",   "_update_by_query", "_validate"};

/// Refuses "/_doc/_mget", "/_all,x/_search" and "/,/_search". For the router of the store, as for Elasticsearch's, the
/// first part is an index there, for guards of keys, definitions and pipelines it is a command; no index begins with
/// "_".
Refusal misnamed_index(const std::vector<std::string>& parts) {
  if (parts.empty()) return {};
  const auto refused = [](std::string_view name, const char* why = "must not start with '_'.") {
    return ElasticError{400, "invalid_index_name_exception", "Invalid index name [" + shortened(name) + "], " + why};
  };
  const std::string& first = parts.front();
  if (names_no_index(first)) return refused(first, "must not be empty; use [*] or [_all] for all indices");
  if (first.find(',') != std::string::npos) {
    for (const std::string& name : split(first, ',')) {
      if (name.starts_with('_')) return refused(name);
    }
  }
  const bool is_index = parts.size() > 1 && first.starts_with('_') && !is_all(first) &&
                        std::find(k_index_commands.begin(), k_index_commands.end(), parts[1]) != k_index_commands.end();
  return is_index ? Refusal(refused(first)) : Refusal();
}

bool has_index(const std::vector<std::string>& parts) {
  return !parts.empty() && (!parts[0].starts_with('_') || is_all(parts[0]));
}

/// True if the request may change indices, their settings or their names, and so which pipelines writes go through.
bool changes_indices(Method method, const std::vector<std::string>& parts) {
  constexpr std::array<std::string_view, 12> k_actions = {
      "",          "_settings", "_alias", "_aliases", "_template",   "_index_template", "_component_template",
      "_rollover", "_clone",    "_split", "_shrink",  "_data_stream"};
  const std::size_t place = has_index(parts) ? 1 : 0;
  const std::string_view action = place < parts.size() ? std::string_view(parts[place]) : "";
  return method != Method::get && method != Method::head &&
         std::find(k_actions.begin(), k_actions.end(), action) != k_actions.end();
}

}  // namespace

Front::Front(Store& store, NativeInference& native, InferenceExecutor& executor, const Timer& timer,
             const security::SecretBox* secret_box, const Limits& limits)
    : store_(store),
      limits_(limits),
      endpoints_(store, timer, native, secret_box),
      pipelines_(store, timer),
      stubs_(store, timer),
      ingest_(pipelines_, endpoints_, executor, store, native, limits_),
      index_pipelines_(store, timer),
      writes_(store, pipelines_, stubs_, ingest_, index_pipelines_, limits_),
      query_vectors_(store, native, endpoints_, executor, limits_.max_searches),
      inference_api_(
          store, native, endpoints_, executor,
          [this](const Caller& caller, const std::string& id) { return pipelines_.using_endpoint(caller, id); }),
      pipeline_api_(
          pipelines_, ingest_, store, stubs_,
          [this](const Caller& caller) { return index_pipelines_.all(caller, "_all", "expand_wildcards=all"); },
          limits_) {
  inference_api_.add_routes(router_);
  pipeline_api_.add_routes(router_);
}

Outcome Front::decide(http::Request request) {
  try {
    const auto parts = request.path_parts();
    if (const Refusal refusal = misnamed_index(parts)) return refusal->response();
    const auto types = rest::check_media_types(request);
    if (types && !types->unsupported_content) {
      const bool is_bulk = !parts.empty() && parts.back() == "_bulk";
      if (const Refusal refusal = rest::check_json_bounds(request.body, is_bulk, limits_)) return refusal->response();
    }
    const auto reader = store_.runs_pipelines() ? BodyReader::cluster : BodyReader::sightline;
    if (const Refusal refusal = keep_from_definitions(request, parts, reader)) return refusal->response();
    if (!types) return request;  // the store says what is wrong
    if (!types->unsupported_content) {
      if (auto answer = router_.try_handle(request)) return std::move(*answer);
    }
    Outcome outcome = types->unsupported_content ? unread(std::move(request), parts) : plain(std::move(request), parts);
    const auto* const left = std::get_if<http::Request>(&outcome);
    if (left && changes_indices(left->method, parts)) return changed_indices(*left);
    return outcome;
  } catch (const WorkCancelled&) {
    throw;
  } catch (const std::exception& exception) {
    return ElasticError{500, "exception", std::string("internal error of Sightline: ") + exception.what()}.response();
  }
}

/// The store's answer. What the indices name is looked up again from when the change is done, before its client has the
/// answer. Lookups during the change may have seen either; they end with it.
http::Response Front::changed_indices(const http::Request& request) {
  const struct Forgetting {
    IndexPipelines& pipelines;
    ~Forgetting() { pipelines.forget(); }  // also if the client disconnects meanwhile
  } forgetting{index_pipelines_};
  return store_.handle(request);
}

Answer<Front::Kept> Front::kept(const Caller& caller) {
  const auto endpoints = endpoints_.index().list(caller, DefinitionIndex::Kind::endpoint);
  if (!endpoints) return endpoints.error();
  const auto pipelines = pipelines_.index().list(caller, DefinitionIndex::Kind::pipeline);
  if (!pipelines) return pipelines.error();
  Kept kept{endpoints->size(), pipelines->size(), {}};
  for (const auto& pipeline : *pipelines) {
    if (!pipeline.guarded) kept.unguarded.push_back(pipeline.name);
  }
  return kept;
}

/// What is not JSON is not read: the store answers it.
Outcome Front::unread(http::Request request, const std::vector<std::string>& parts) {
  const bool has_index = !parts.empty() && !parts[0].starts_with('_');
  if (!has_index || parts.size() < 2 || !is_write(request.method)) return request;
  const std::string& action = parts[1];
  if (action != "_doc" && action != "_create" && action != "_update" && action != "_bulk") return request;
  return writes_.unread(std::move(request), parts[0]);
}

Outcome Front::plain(http::Request request, const std::vector<std::string>& parts) {
  const bool has_index = elastic::has_index(parts);
  const std::string index = has_index ? parts[0] : "";
  const std::vector<std::string> after_index(parts.begin() + (has_index ? 1 : 0), parts.end());
  const std::size_t count = after_index.size();
  const std::string action = count > 0 ? after_index[0] : "";
  const std::string detail = count > 1 ? after_index[1] : "";

  if (is_write(request.method)) {
    if (auto refusal = inference_api_.refuse_semantic_text(request)) return refusal->response();
    if (count == 1 && action == "_bulk") {
      // Where the path names no index, a parameter may.
      const auto named = has_index ? std::optional(index) : rest::query_parameter(request, "index");
      return writes_.bulk(std::move(request), named.value_or(""));
    }
    const bool create = action == "_create" || rest::query_parameter(request, "op_type") == "create";
    if (has_index && count == 1 && action == "_doc" && request.method == Method::post)
      return writes_.document(std::move(request), index, {}, create);
    if (has_index && count == 2 && (action == "_doc" || action == "_create"))
      return writes_.document(std::move(request), index, detail, create);
  }
  if (request.method == Method::post) {
    if (has_index && count == 2 && action == "_update") return writes_.update(std::move(request), index, detail);
    if (count == 1 && action == (has_index ? "_update_by_query" : "_reindex"))
      return writes_.by_query(std::move(request), parts);
    if (!has_index && action == "_query" && (count == 1 || detail == "async"))
      return query_vectors_.query_language(std::move(request));
  }
  if (is_read(request.method)) {
    if (detail == "template" ? action == "_search" || action == "_msearch" || action == "_render" : action == "_render")
      return query_vectors_.search_template(std::move(request));
    const bool is_search = count == 1 ? action == "_search" || action == "_async_search" || action == "_count" ||
                                            (has_index && action == "_delete_by_query")
                                      : count == 2 && ((action == "_validate" && detail == "query") ||
                                                       (has_index && action == "_explain"));
    if (is_search) return query_vectors_.search(std::move(request));
    if (count == 1 && action == "_msearch") return query_vectors_.multi_search(std::move(request));
  }
  return request;
}

}  // namespace sightline::elastic
