#include "server/elastic/definitions/definition_index.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <rapidjson/document.h>

#include "base/cancellation.h"
#include "base/json/builder.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "base/json/utf8.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Content = DefinitionIndex::Content;
using Definition = DefinitionIndex::Definition;
using Kind = DefinitionIndex::Kind;

constexpr const char* k_index_body =
    R"({"settings":{"index":{"hidden":true,"number_of_shards":1,"auto_expand_replicas":"0-1"}},)"
    R"("mappings":{"dynamic":false,"properties":{"kind":{"type":"keyword"}}}})";
constexpr int k_most_attempts = 10;  // to change what others are changing too

const char* name_of(Kind kind) {
  return kind == Kind::endpoint ? "endpoint" : "pipeline";
}

std::string document_path(const char* action, Kind kind, const std::string& name) {
  return "/" + std::string(k_definition_index) + "/" + action + "/" +
         http::percent_encode(std::string(name_of(kind)) + ":" + name);
}

std::int64_t milliseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::int64_t number_in(const rapidjson::Value& object, const char* name, std::int64_t otherwise) {
  const auto& value = json::member(object, name);
  return value.IsInt64() ? value.GetInt64() : otherwise;
}

std::optional<Definition> definition_in(const rapidjson::Value& hit) {
  const auto& source = json::member(hit, "_source");
  if (!json::member(source, "name").IsString() || !json::member(source, "config").IsString()) return {};
  Definition definition{{std::string(json::text_at(source, "config"))}, std::string(json::text_at(source, "name"))};
  definition.secrets = json::text_at(source, "secrets");
  definition.guarded = json::member(source, "guarded").IsTrue();
  definition.created = number_in(source, "created", 0);
  definition.modified = number_in(source, "modified", 0);
  definition.seq_no = number_in(hit, "_seq_no", -1);
  definition.primary_term = number_in(hit, "_primary_term", 0);
  return definition;
}

/// Statuses of the exceptions that processors throw, which simulation does not tell.
int status_of_type(const std::string& type) {
  constexpr std::array<std::string_view, 9> k_bad_requests{
      "illegal_argument_exception", "parse_exception",          "script_exception",
      "number_format_exception",    "mapper_parsing_exception", "document_parsing_exception",
      "x_content_parse_exception",  "input_coercion_exception", "date_time_parse_exception"};
  if (std::find(k_bad_requests.begin(), k_bad_requests.end(), type) != k_bad_requests.end()) return 400;
  if (type == "resource_not_found_exception" || type == "index_not_found_exception") return 404;
  if (type == "security_exception") return 403;
  if (type == "es_rejected_execution_exception" || type == "circuit_breaking_exception") return 429;
  return 500;
}

/// An answer that says that there is no such document, or no index for it yet; not just any 404.
bool says_nothing_is_there(const http::Response& response) {
  if (response.status != 404) return false;
  rapidjson::Document body;
  if (json::read_document(response.body, body)) return false;
  if (body.IsObject() && body.HasMember("found")) return body["found"].IsFalse();
  if (body.IsObject() && body.HasMember("result")) return json::text_at(body, "result") == "not_found";
  return error_in(response).type == "index_not_found_exception";
}

/// What the store said against reading or writing definitions, with a word about what was being done.
ElasticError index_error(const http::Response& response) {
  ElasticError error = error_in(response);
  if (response.status < 400) error.status = 502;
  const std::string index(k_definition_index);
  if (response.status == 403) {
    error.reason += "; inference endpoints and ingest pipelines are stored in the index [" + index +
                    "], on which the caller needs the privileges [read] to use them and [read, write, "
                    "create_index, view_index_metadata] to change them";
  } else {
    error.reason = "the index [" + index +
                   "], which stores inference endpoints and ingest pipelines, does not answer: " + error.reason;
  }
  return error;
}

ElasticError unreadable(const std::string& what) {
  return {500, "corrupt_data", what + " in the index [" + std::string(k_definition_index) + "] cannot be read"};
}

}  // namespace

ElasticError read_error(const rapidjson::Value& value, int status) {
  ElasticError error;
  error.type = json::text_at(value, "type");
  error.reason = json::text_at(value, "reason");
  error.status = status != 0 ? status : status_of_type(error.type);
  if (!value.IsObject()) return error;
  error.line = static_cast<int>(number_in(value, "line", 0));
  error.column = static_cast<int>(number_in(value, "col", 0));
  for (const auto& field : value.GetObject()) {
    const std::string name(field.name.GetString(), field.name.GetStringLength());
    if (!json::is_text(field.value) || name == "type" || name == "reason") continue;
    error.details.emplace_back(name, std::string(field.value.GetString(), field.value.GetStringLength()));
  }
  if (const auto& cause = json::member(value, "caused_by"); cause.IsObject())
    error.causes.push_back(read_error(cause, error.status));
  return error;
}

ElasticError error_in(const http::Response& response) {
  ElasticError unknown{response.status, "exception",
                       "the store answered with status " + std::to_string(response.status)};
  rapidjson::Document body;
  if (json::read_document(response.body, body)) return unknown;
  ElasticError error = read_error(json::member(body, "error"), response.status);
  if (error.type.empty()) error.type = unknown.type;
  if (error.reason.empty()) error.reason = unknown.reason;
  return error;
}

http::Request store_request(const Caller& caller, http::Method method, std::string path, std::string query,
                            std::string body) {
  http::Request request;
  request.headers = caller.headers;
  request.method = method;
  request.path = std::move(path);
  request.query = std::move(query);
  request.body = std::move(body);
  if (!request.body.empty()) request.headers.set("Content-Type", "application/json");
  return request;
}

http::Response json_response(std::string body, int status) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Answer<std::optional<Definition>> DefinitionIndex::get(const Caller& caller, Kind kind, const std::string& name) {
  const auto response = store_.handle(store_request(caller, http::Method::get, document_path("_doc", kind, name)));
  if (says_nothing_is_there(response)) return std::optional<Definition>();
  if (response.status != 200) return index_error(response);
  rapidjson::Document body;
  if (!json::read_document(response.body, body)) {
    if (auto definition = definition_in(body)) return definition;
  }
  return unreadable("the definition of " + std::string(name_of(kind)) + " [" + name + "]");
}

Answer<std::vector<Definition>> DefinitionIndex::list(const Caller& caller, Kind kind) {
  std::vector<Definition> definitions;
  json::Builder query;
  query.object().member("size", k_most_definitions).member("track_total_hits", true);
  query.object("query").object("term").member("kind", name_of(kind));
  const auto response = store_.handle(
      store_request(caller, http::Method::post, "/" + std::string(k_definition_index) + "/_search", {}, query.text()));
  if (says_nothing_is_there(response)) return definitions;
  if (response.status != 200) return index_error(response);
  rapidjson::Document body;
  json::read_document(response.body, body);
  const auto& hits = json::member(body, "hits", "hits");
  const auto& total = json::member(body, "hits", "total");
  if (!hits.IsArray() || total.IsNull()) return unreadable("the list of definitions");
  if (number_in(json::member(body, "_shards"), "failed", 0) > 0) {
    return ElasticError{503, "search_phase_execution_exception",
                        "a shard of the index [" + std::string(k_definition_index) + "] did not answer"};
  }
  if (number_in(total, "value", -1) != static_cast<std::int64_t>(hits.Size())) {
    return ElasticError{500, "illegal_state_exception",
                        "the index [" + std::string(k_definition_index) + "] holds more than " +
                            std::to_string(k_most_definitions) + " definitions of kind [" + name_of(kind) +
                            "], too many to list: request them by name, or delete some"};
  }
  for (const auto& hit : hits.GetArray()) {
    check_cancelled();
    auto definition = definition_in(hit);
    if (!definition) return unreadable("a definition of kind [" + std::string(name_of(kind)) + "]");
    definitions.push_back(std::move(*definition));
  }
  std::sort(definitions.begin(), definitions.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return definitions;
}

Answer<std::int64_t> DefinitionIndex::count(const Caller& caller, Kind kind) {
  json::Builder query;
  query.object().member("size", 0).member("track_total_hits", true);
  query.object("query").object("term").member("kind", name_of(kind));
  const auto response = store_.handle(
      store_request(caller, http::Method::post, "/" + std::string(k_definition_index) + "/_search", {}, query.text()));
  if (response.status != 200) return index_error(response);
  rapidjson::Document body;
  json::read_document(response.body, body);
  const std::int64_t found = number_in(json::member(body, "hits", "total"), "value", -1);
  if (found < 0) return unreadable("the number of definitions");
  return found;
}

Refusal DefinitionIndex::refuse_one_more(const Caller& caller, Kind kind, const std::string& name) {
  const auto found = count(caller, kind);
  if (!found) return found.error();
  if (*found < static_cast<std::int64_t>(k_most_definitions)) return {};
  return illegal_argument("cannot add " + std::string(name_of(kind)) + " [" + name + "]: the index [" +
                          std::string(k_definition_index) + "] holds [" + std::to_string(*found) +
                          "] definitions of this kind, and the limit is [" + std::to_string(k_most_definitions) +
                          "]; delete some that are not used");
}

Refusal DefinitionIndex::ensure_index(const Caller& caller) {
  const std::string path = "/" + std::string(k_definition_index);
  if (store_.handle(store_request(caller, http::Method::head, path)).status == 200) return {};
  const auto response = store_.handle(store_request(caller, http::Method::put, path, {}, k_index_body));
  if (response.status < 300 || error_in(response).type == "resource_already_exists_exception") return {};
  return index_error(response);
}

http::Response DefinitionIndex::write(const Caller& caller, Kind kind, const Definition& definition) {
  json::Builder document;
  document.object().member("kind", name_of(kind)).member("name", definition.name);
  document.member("config", definition.config);
  if (!definition.secrets.empty()) document.member("secrets", definition.secrets);
  if (definition.guarded) document.member("guarded", true);
  document.member("created", definition.created).member("modified", definition.modified);
  const bool is_new = definition.seq_no < 0;
  const std::string version = is_new ? ""
                                     : "&if_seq_no=" + std::to_string(definition.seq_no) +
                                           "&if_primary_term=" + std::to_string(definition.primary_term);
  return store_.handle(store_request(caller, http::Method::put,
                                     document_path(is_new ? "_create" : "_doc", kind, definition.name),
                                     "refresh=true" + version, document.text()));
}

Refusal DefinitionIndex::refuse_content(Kind kind, const std::string& name, const Content& content,
                                        const Content* old) {
  const std::string which = std::string(name_of(kind)) + " [" + shortened(name) + "]";
  if (json::find_invalid_utf8(name)) return illegal_argument("the name of " + which + " must be UTF-8");
  const std::size_t bytes = content.config.size() + content.secrets.size();
  if (bytes > k_max_definition_bytes && (!old || bytes > old->config.size() + old->secrets.size())) {
    return illegal_argument("the definition of " + which + " has [" + std::to_string(bytes) +
                            "] bytes, and the limit is [" + std::to_string(k_max_definition_bytes) + "]");
  }
  if (const auto read = rest::JsonTape::parse(content.config); !read)
    return illegal_argument("the definition of " + which + " could not be read again: " + read.error().reason);
  return {};
}

Refusal DefinitionIndex::refuse_writer(const Caller& caller, Kind kind, const std::string& name) {
  // No document gets this version. A cluster checks the caller's privileges before it looks for the document.
  const std::string version =
      "if_seq_no=" + std::to_string(std::numeric_limits<std::int64_t>::max()) + "&if_primary_term=1";
  const auto response =
      store_.handle(store_request(caller, http::Method::delete_, document_path("_doc", kind, name), version));
  if (response.status == 409 || says_nothing_is_there(response)) return {};
  return index_error(response);
}

Answer<bool> DefinitionIndex::create(const Caller& caller, Kind kind, const std::string& name, const Content& content) {
  if (Refusal refusal = refuse_content(kind, name, content)) return *refusal;
  if (Refusal refusal = ensure_index(caller)) return *refusal;
  if (Refusal refusal = refuse_one_more(caller, kind, name)) {
    const auto old = get(caller, kind, name);
    if (old && *old) return false;
    return *std::move(refusal);
  }
  const auto now = milliseconds_now();
  const auto response = write(caller, kind, {content, name, now, now});
  if (response.status == 409) return false;
  if (response.status >= 300) return index_error(response);
  return true;
}

Refusal DefinitionIndex::change(const Caller& caller, Kind kind, const std::string& name, const Change& change) {
  if (Refusal refusal = ensure_index(caller)) return refusal;
  http::Response response;
  for (int attempt = 0; attempt < k_most_attempts; ++attempt) {
    auto old = get(caller, kind, name);
    if (!old) return old.error();
    auto content = change(*old ? &**old : nullptr);
    if (!content) return content.error();
    if (Refusal refusal = refuse_content(kind, name, *content, *old ? &**old : nullptr)) return refusal;
    if (!*old) {
      if (Refusal refusal = refuse_one_more(caller, kind, name)) return refusal;
    }
    const auto now = milliseconds_now();
    Definition changed{std::move(*content), name, *old ? (*old)->created : now, now};
    if (*old) changed.seq_no = (*old)->seq_no, changed.primary_term = (*old)->primary_term;
    response = write(caller, kind, changed);
    if (response.status < 300) return {};
    if (response.status != 409) return index_error(response);
  }
  return index_error(response);
}

Answer<bool> DefinitionIndex::remove(const Caller& caller, Kind kind, const std::string& name) {
  const auto response =
      store_.handle(store_request(caller, http::Method::delete_, document_path("_doc", kind, name), "refresh=true"));
  if (says_nothing_is_there(response)) return false;
  if (response.status >= 300) return index_error(response);
  return true;
}

}  // namespace sightline::elastic
