#include "server/elastic/pipeline_api.h"

#include <algorithm>
#include <memory>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <utility>
#include <vector>

#include "server/elastic/ingest/property_reader.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Method;
using Value = rapidjson::Value;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr const char* k_acknowledged = R"({"acknowledged":true})";
constexpr const char* k_simulated_id = "_simulate_pipeline";

Answer<rapidjson::Document> object_in(const http::Request& request) {
  if (request.body.empty()) return ElasticError{400, "parse_exception", "request body is required"};
  auto body = rest::parse_json(request.body);
  if (body && !body->IsObject())
    return ElasticError{400, "parse_exception", "the body must be a JSON object"};
  return body;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return parts;
}

bool names_it(const std::vector<std::string>& patterns, const std::string& name) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return pattern == "_all" || rest::wildcard_match(pattern, name);
  });
}

std::string copy_without_end(const std::string& object) {
  return object.substr(0, object.size() - 1);
}

std::string shown(const DefinitionIndex::Definition& definition) {
  const bool empty = definition.config == "{}";
  return copy_without_end(definition.config) + (empty ? "" : ",") +
         "\"created_date_millis\":" + std::to_string(definition.created) +
         ",\"modified_date_millis\":" + std::to_string(definition.modified) + "}";
}

std::string text_or(const Value& document, const char* name, const std::string& otherwise) {
  const auto found = document.FindMember(name);
  if (found == document.MemberEnd() || found->value.IsNull()) return otherwise;
  if (found->value.IsString()) return {found->value.GetString(), found->value.GetStringLength()};
  return found->value.IsInt() ? std::to_string(found->value.GetInt()) : otherwise;
}

using Documents = std::vector<std::unique_ptr<IngestDocument>>;

Answer<Documents> read_documents(const Value& body) {
  PropertyReader reader(body);
  if (!reader.take("docs")) reader.refuse("docs", "required property is missing");
  const auto* list = reader.optional_list("docs");
  if (reader.failed()) return *reader.refusal();
  if (list->Empty()) return illegal_argument("must specify at least one document in [docs]");
  Documents documents;
  for (const auto& item : list->GetArray()) {
    if (!item.IsObject()) return illegal_argument("malformed [docs] section, should include an inner object");
    const auto source = item.FindMember("_source");
    if (source == item.MemberEnd()) return property_error("_source", "required property is missing");
    if (!source->value.IsObject())
      return property_error("_source", "property isn't a map, but of another type");
    IngestDocument::Metadata metadata{text_or(item, "_index", "_index"), text_or(item, "_id", "_id"), {}};
    if (const auto routing = text_or(item, "_routing", ""); !routing.empty()) metadata.routing = routing;
    rapidjson::Document copy;
    copy.CopyFrom(source->value, copy.GetAllocator());
    documents.push_back(std::make_unique<IngestDocument>(metadata, std::move(copy)));
  }
  return documents;
}

void write_document(Writer& writer, const IngestDocument& document) {
  const auto metadata = document.metadata();
  writer.StartObject();
  writer.Key("doc");
  writer.StartObject();
  writer.Key("_index"), writer.String(metadata.index);
  writer.Key("_version"), writer.String("-3");
  writer.Key("_id"), writer.String(metadata.id.value_or("_id"));
  if (metadata.routing) writer.Key("_routing"), writer.String(*metadata.routing);
  writer.Key("_source");
  document.source().Accept(writer);
  writer.Key("_ingest");
  document.ingest_metadata().Accept(writer);
  writer.EndObject();
  writer.EndObject();
}

/// `{"error":{"root_cause":[...],...}}`: the envelope without its status.
std::string simulated_error(const ElasticError& error) {
  const std::string envelope = error.envelope_json();
  return envelope.substr(0, envelope.rfind(",\"status\":")) + "}";
}

}  // namespace

http::Response PipelineApi::put(const http::Request& request, const std::string& id) {
  auto body = object_in(request);
  if (!body) return body.error().response();
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  body->Accept(writer);
  const auto pipeline = Pipeline::parse(id, std::move(*body));
  if (!pipeline) return pipeline.error().response();
  const Refusal refusal = definitions_.index().put(caller_of(request), DefinitionIndex::Kind::pipeline, id,
                                                   {buffer.GetString(), buffer.GetSize()});
  definitions_.forget();
  return refusal ? refusal->response() : json_response(k_acknowledged);
}

http::Response PipelineApi::get(const http::Request& request, const std::string& ids) {
  const auto definitions = definitions_.index().list(caller_of(request), DefinitionIndex::Kind::pipeline);
  if (!definitions) return definitions.error().response();
  const auto patterns = split(ids);
  std::string json = "{";
  for (const auto& definition : *definitions) {
    if (!names_it(patterns, definition.name)) continue;
    if (json.size() > 1) json += ',';
    rest::append_json_string(json, definition.name);
    json += ":" + shown(definition);
  }
  const bool wanted_one = !ids.empty() && ids.find('*') == std::string::npos && ids != "_all";
  return json_response(json + "}", wanted_one && json.size() == 1 ? 404 : 200);
}

http::Response PipelineApi::remove(const http::Request& request, const std::string& id) {
  const auto removed = definitions_.index().remove(caller_of(request), DefinitionIndex::Kind::pipeline, id);
  definitions_.forget();
  if (!removed) return removed.error().response();
  if (!*removed)
    return ElasticError{404, "resource_not_found_exception", "pipeline [" + id + "] is missing"}.response();
  return json_response(k_acknowledged);
}

http::Response PipelineApi::simulate(const http::Request& request, const std::string& id) {
  const auto verbose = rest::query_flag(request, "verbose", false);
  if (!verbose) return verbose.error().response();
  if (*verbose) return illegal_argument("[verbose] is not supported here, leave it out").response();
  auto body = object_in(request);
  if (!body) return body.error().response();
  auto documents = read_documents(*body);
  if (!documents) return documents.error().response();
  std::shared_ptr<const Pipeline> pipeline;
  if (id.empty()) {
    const auto inline_pipeline = body->FindMember("pipeline");
    if (inline_pipeline == body->MemberEnd())
      return property_error("pipeline", "required property is missing").response();
    rapidjson::Document config;
    config.CopyFrom(inline_pipeline->value, config.GetAllocator());
    auto parsed = Pipeline::parse(k_simulated_id, std::move(config));
    if (!parsed) return parsed.error().response();
    pipeline = *parsed;
  } else {
    const auto found = definitions_.pipeline(caller_of(request), id);
    if (!found) return found.error().response();
    if (!*found) return illegal_argument("pipeline [" + id + "] does not exist").response();
    pipeline = *found;
  }
  std::vector<IngestTask> tasks;
  for (const auto& document : *documents) tasks.push_back({document.get(), pipeline->id, pipeline});
  ingest_.run(caller_of(request), tasks);
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("docs");
  writer.StartArray();
  for (const auto& task : tasks) {
    if (task.failure) {
      const std::string error = simulated_error(*task.failure);
      writer.RawValue(error.data(), error.size(), rapidjson::kObjectType);
    } else if (task.document->dropped) {
      writer.Null();
    } else {
      write_document(writer, *task.document);
    }
  }
  writer.EndArray();
  writer.EndObject();
  return json_response({buffer.GetString(), buffer.GetSize()});
}

void PipelineApi::add_routes(rest::Router& router) {
  using Parameters = rest::PathParameters;
  router.add(
      {Method::put}, "/_ingest/pipeline/{id}", "timeout master_timeout if_version",
      [this](const http::Request& request, const Parameters& path) { return put(request, path.get("id")); });
  router.add(
      {Method::get}, "/_ingest/pipeline/{id}", "master_timeout summary",
      [this](const http::Request& request, const Parameters& path) { return get(request, path.get("id")); });
  router.add({Method::get}, "/_ingest/pipeline", "master_timeout summary",
             [this](const http::Request& request, const Parameters&) { return get(request, ""); });
  router.add({Method::delete_}, "/_ingest/pipeline/{id}", "timeout master_timeout",
             [this](const http::Request& request, const Parameters& path) {
               return remove(request, path.get("id"));
             });
  router.add({Method::get, Method::post}, "/_ingest/pipeline/{id}/_simulate", "verbose",
             [this](const http::Request& request, const Parameters& path) {
               return simulate(request, path.get("id"));
             });
  router.add({Method::get, Method::post}, "/_ingest/pipeline/_simulate", "verbose",
             [this](const http::Request& request, const Parameters&) { return simulate(request, ""); });
}

}  // namespace sightline::elastic
