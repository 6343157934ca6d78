#include "server/elastic/definition_index.h"

#include <algorithm>
#include <chrono>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace sightline::elastic {
namespace {

using Definition = DefinitionIndex::Definition;
using Kind = DefinitionIndex::Kind;

constexpr const char* k_index_body =
    R"({"settings":{"index.hidden":true,"number_of_shards":1},)"
    R"("mappings":{"dynamic":false,"properties":{"kind":{"type":"keyword"}}}})";
constexpr int k_most_definitions = 10'000;  // of one kind; a search gives no more

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

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::optional<Definition> definition_in(const rapidjson::Value& hit) {
  const auto* source = member(hit, "_source");
  if (!source) return {};
  const auto* name = member(*source, "name");
  const auto* config = member(*source, "config");
  if (!name || !name->IsString() || !config || !config->IsString()) return {};
  Definition definition{name->GetString(), {config->GetString(), config->GetStringLength()}};
  if (const auto* created = member(*source, "created"); created && created->IsInt64())
    definition.created = created->GetInt64();
  if (const auto* modified = member(*source, "modified"); modified && modified->IsInt64())
    definition.modified = modified->GetInt64();
  return definition;
}

}  // namespace

ElasticError error_in(const http::Response& response) {
  ElasticError error{response.status, "exception",
                     "the store answered with status " + std::to_string(response.status)};
  rapidjson::Document body;
  body.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
  if (body.HasParseError()) return error;
  const auto* inner = member(body, "error");
  if (!inner) return error;
  if (const auto* type = member(*inner, "type"); type && type->IsString()) error.type = type->GetString();
  if (const auto* reason = member(*inner, "reason"); reason && reason->IsString())
    error.reason = reason->GetString();
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

Answer<std::optional<Definition>> DefinitionIndex::get(const Caller& caller, Kind kind,
                                                       const std::string& name) {
  const auto response =
      store_.handle(store_request(caller, http::Method::get, document_path("_doc", kind, name)));
  if (response.status == 404) return std::optional<Definition>();
  if (response.status >= 400) return error_in(response);
  rapidjson::Document body;
  body.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
  if (!body.HasParseError()) {
    if (auto definition = definition_in(body)) return definition;
  }
  return ElasticError{500, "corrupt_data",
                      "the definition of " + std::string(name_of(kind)) + " [" + name + "] cannot be read"};
}

Answer<std::vector<Definition>> DefinitionIndex::list(const Caller& caller, Kind kind) {
  std::vector<Definition> definitions;
  const std::string query = R"({"size":)" + std::to_string(k_most_definitions) +
                            R"(,"query":{"term":{"kind":")" + name_of(kind) + R"("}}})";
  const auto response = store_.handle(store_request(
      caller, http::Method::post, "/" + std::string(k_definition_index) + "/_search", {}, query));
  if (response.status == 404) return definitions;
  if (response.status >= 400) return error_in(response);
  rapidjson::Document body;
  body.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
  const auto* outer = body.HasParseError() ? nullptr : member(body, "hits");
  const auto* hits = outer ? member(*outer, "hits") : nullptr;
  if (!hits || !hits->IsArray())
    return ElasticError{500, "corrupt_data", "the list of definitions cannot be read"};
  for (const auto& hit : hits->GetArray()) {
    if (auto definition = definition_in(hit)) definitions.push_back(std::move(*definition));
  }
  std::sort(definitions.begin(), definitions.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return definitions;
}

Refusal DefinitionIndex::ensure_index(const Caller& caller) {
  const std::string path = "/" + std::string(k_definition_index);
  if (store_.handle(store_request(caller, http::Method::head, path)).status == 200) return {};
  const auto response = store_.handle(store_request(caller, http::Method::put, path, {}, k_index_body));
  if (response.status < 400) return {};
  ElasticError error = error_in(response);
  if (error.type == "resource_already_exists_exception") return {};
  return error;
}

http::Response DefinitionIndex::write(const Caller& caller, const char* action, Kind kind,
                                      const Definition& definition) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("kind"), writer.String(name_of(kind));
  writer.Key("name"), writer.String(definition.name);
  writer.Key("config"), writer.String(definition.config);
  writer.Key("created"), writer.Int64(definition.created);
  writer.Key("modified"), writer.Int64(definition.modified);
  writer.EndObject();
  return store_.handle(store_request(caller, http::Method::put, document_path(action, kind, definition.name),
                                     "refresh=true", {buffer.GetString(), buffer.GetSize()}));
}

Answer<bool> DefinitionIndex::create(const Caller& caller, Kind kind, const std::string& name,
                                     const std::string& config) {
  if (Refusal refusal = ensure_index(caller)) return *refusal;
  const auto now = milliseconds_now();
  const auto response = write(caller, "_create", kind, {name, config, now, now});
  if (response.status == 409) return false;
  if (response.status >= 400) return error_in(response);
  return true;
}

Refusal DefinitionIndex::put(const Caller& caller, Kind kind, const std::string& name,
                             const std::string& config) {
  if (Refusal refusal = ensure_index(caller)) return refusal;
  auto old = get(caller, kind, name);
  if (!old) return old.error();
  const auto now = milliseconds_now();
  const auto response = write(caller, "_doc", kind, {name, config, *old ? (*old)->created : now, now});
  if (response.status >= 400) return error_in(response);
  return {};
}

Answer<bool> DefinitionIndex::remove(const Caller& caller, Kind kind, const std::string& name) {
  const auto response = store_.handle(
      store_request(caller, http::Method::delete_, document_path("_doc", kind, name), "refresh=true"));
  if (response.status == 404) return false;
  if (response.status >= 400) return error_in(response);
  return true;
}

}  // namespace sightline::elastic
