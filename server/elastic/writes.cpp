#include "server/elastic/writes.h"

#include <chrono>
#include <memory>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <utility>

#include "server/elastic/definition_index.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* k_no_id =
    "auto-generated";  // what Elasticsearch shows for failed documents without an id

long milliseconds_since(Clock::time_point begun) {
  return static_cast<long>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count());
}

/// The query without its `pipeline`, which the store does not run.
std::string without_pipeline(const http::Request& request) {
  std::string query;
  for (const auto& [name, value] : request.query_parameters()) {
    if (name == "pipeline") continue;
    query += (query.empty() ? "" : "&") + http::percent_encode(name) + "=" + http::percent_encode(value);
  }
  return query;
}

http::Request with_body(const http::Request& request, std::string body) {
  http::Request changed;
  changed.method = request.method;
  changed.path = request.path;
  changed.query = without_pipeline(request);
  changed.headers = request.headers;
  changed.peer = request.peer;
  changed.body = std::move(body);
  return changed;
}

/// What Elasticsearch says about a source that is not JSON, or no object.
ElasticError not_a_document(ElasticError cause) {
  ElasticError error{400, "document_parsing_exception", "[1:1] failed to parse: " + cause.reason};
  error.causes.push_back(std::move(cause));
  return error;
}

Answer<rapidjson::Document> parse_source(std::string_view text) {
  auto source = rest::parse_json(text);
  if (!source) return not_a_document(source.error());
  if (!source->IsObject()) {
    return ElasticError{400, "document_parsing_exception", "Malformed content, must start with an object"};
  }
  return source;
}

void append_member(std::string& json, const char* name, std::string_view text) {
  json += "\"" + std::string(name) + "\":";
  rest::append_json_string(json, text);
}

std::string item_head(const BulkItem& item, const std::string& index, const std::optional<std::string>& id) {
  std::string json = "{\"" + item.operation + "\":{";
  append_member(json, "_index", index);
  json += ',';
  append_member(json, "_id", id.value_or(k_no_id));
  return json;
}

std::string failed_item(const BulkItem& item, const ElasticError& error) {
  return item_head(item, item.index, item.id) + ",\"status\":" + std::to_string(error.status) +
         ",\"error\":" + error.item_json() + "}}";
}

constexpr const char* k_dropped =
    R"(,"_version":-3,"result":"noop","_shards":{"total":0,"successful":0,"failed":0})";

}  // namespace

/// An item that does not go to the store, and its answer; no JSON: it goes.
struct Writes::SettledItem {
  std::string json;
  bool failed = false;
};

/// One document and its way.
struct Writes::Write {
  std::string first, last;  ///< pipelines to run
  std::string index;        ///< as the request named it
  std::unique_ptr<IngestDocument> document;
  Refusal failure;
  bool dropped = false;
};

ElasticError restricted_index() {
  return {403, "security_exception",
          "index [" + std::string(k_definition_index) +
              "] holds inference endpoints and pipelines, use _inference and _ingest/pipeline"};
}

Answer<IndexPipelines::Names> IndexPipelines::of(const Caller& caller, const std::string& index) {
  if (index.empty() || index.find_first_of("*,") != std::string::npos || index.front() == '_') return Names{};
  const std::string key = caller.key() + "/" + index;
  if (auto kept = cache_.get(key)) return *kept;
  const auto asked = timer_.now();
  const auto response = store_.handle(
      store_request(caller, http::Method::get, "/" + http::percent_encode(index) + "/_settings"));
  Names names;
  if (response.status >= 400) {
    // It may be made by the write that comes now, or be no name of an index: the store will tell.
    if (response.status != 400 && response.status != 404) return error_in(response);
    cache_.put(key, names, asked);
    return names;
  }
  rapidjson::Document body;
  body.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
  if (!body.HasParseError() && body.IsObject() && !body.ObjectEmpty()) {
    const auto read = [&](const std::string& setting) -> std::string {
      const auto& concrete = body.MemberBegin()->value;
      const auto* value = rapidjson::Pointer(("/settings/index/" + setting).c_str()).Get(concrete);
      if (!value) value = rapidjson::Pointer(("/settings/index." + setting).c_str()).Get(concrete);
      if (!value || !value->IsString()) return {};
      return std::string(value->GetString()) == "_none" ? "" : value->GetString();
    };
    names = {read("default_pipeline"), read("final_pipeline")};
  }
  cache_.put(key, names, asked);
  return names;
}

/// Runs the first pipelines of all documents, then the final ones; marks what failed and what was dropped.
void Writes::run_pipelines(const Caller& caller, std::vector<Write*>& writes) {
  const auto run = [&](std::string Write::*pipeline) {
    std::vector<IngestTask> tasks;
    std::vector<Write*> running;
    for (auto* write : writes) {
      if (write->failure || write->dropped || (write->*pipeline).empty()) continue;
      running.push_back(write);
      tasks.push_back({write->document.get(), write->*pipeline});
    }
    ingest_.run(caller, tasks);
    for (std::size_t i = 0; i < running.size(); ++i) {
      running[i]->failure = std::move(tasks[i].failure);
      running[i]->dropped = running[i]->document->dropped;
    }
  };
  run(&Write::first);
  for (auto* write : writes) {
    if (write->failure || write->dropped) continue;
    if (const auto index = write->document->metadata().index; index != write->index) {
      const auto names = pipelines_.of(caller, index);
      if (names) {
        write->last = names->last;
      } else {
        write->failure = names.error();
      }
    }
  }
  run(&Write::last);
}

Outcome Writes::bulk(http::Request request, const std::string& index) {
  const Caller caller = caller_of(request);
  auto items = parse_bulk(request.body, index);
  if (!items) return items.error().response();
  const auto of_request = rest::query_parameter(request, "pipeline");
  std::vector<std::unique_ptr<Write>> writes(items->size());
  std::vector<Write*> running;
  bool names_a_pipeline = of_request.has_value();
  for (std::size_t i = 0; i < items->size(); ++i) {
    const BulkItem& item = (*items)[i];
    if (item.index == k_definition_index) return restricted_index().response();
    names_a_pipeline = names_a_pipeline || item.pipeline.has_value();
    if (item.operation == "delete" || item.operation == "update") continue;
    const auto names = pipelines_.of(caller, item.index);
    if (!names) return names.error().response();
    const auto& given = item.pipeline ? item.pipeline : of_request;
    auto write = std::make_unique<Write>();
    write->first = given ? *given : names->first;
    if (write->first == "_none") write->first.clear();
    write->last = names->last;
    if (write->first.empty() && write->last.empty()) continue;
    write->index = item.index;
    auto source = parse_source(item.source_line);
    if (source) {
      write->document = std::make_unique<IngestDocument>(
          IngestDocument::Metadata{item.index, item.id, item.routing}, std::move(*source));
    } else {
      write->failure = source.error();
    }
    running.push_back(write.get());
    writes[i] = std::move(write);
  }
  if (running.empty() && !names_a_pipeline) return request;
  const auto begun = Clock::now();
  run_pipelines(caller, running);
  return store_bulk(request, *items, writes, running.empty() ? -1 : milliseconds_since(begun));
}

/// Sends what is left to the store, and puts the answers back in order.
http::Response Writes::store_bulk(const http::Request& request, const std::vector<BulkItem>& items,
                                  std::vector<std::unique_ptr<Write>>& writes, long ingest_took) {
  std::string body;
  std::vector<SettledItem> settled(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const BulkItem& item = items[i];
    const auto& write = writes[i];
    if (write && write->failure) {
      settled[i] = {failed_item(item, *write->failure), true};
    } else if (write && write->dropped) {
      settled[i] = {item_head(item, item.index, item.id) + k_dropped + ",\"status\":200}}", false};
    } else if (write) {
      const auto metadata = write->document->metadata();
      if (metadata.index == k_definition_index) return restricted_index().response();
      body += item.action_json(metadata.index, metadata.id, metadata.routing) + "\n" +
              write->document->source_json() + "\n";
    } else {
      body +=
          item.pipeline ? item.action_json(item.index, item.id, item.routing) : std::string(item.action_line);
      body += '\n';
      if (item.operation != "delete") body += std::string(item.source_line) + "\n";
    }
    if (write) write->document.reset();
  }
  return merged_answer(request, std::move(body), settled, ingest_took);
}

http::Response Writes::merged_answer(const http::Request& request, std::string body,
                                     const std::vector<SettledItem>& settled, long ingest_took) {
  rapidjson::Document stored;
  const rapidjson::Value* items = nullptr;
  http::Response response = json_response({});
  if (!body.empty()) {
    response = store_.handle(with_body(request, std::move(body)));
    if (response.status >= 300) return response;
    stored.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
    if (!stored.HasParseError() && stored.IsObject() && stored.HasMember("items")) items = &stored["items"];
    if (!items || !items->IsArray())
      return ElasticError{500, "exception", "the store's answer to _bulk cannot be read"}.response();
  }
  std::string merged;
  bool errors = items && stored.HasMember("errors") && stored["errors"].IsTrue();
  rapidjson::SizeType next = 0;
  for (const auto& own : settled) {
    merged += merged.empty() ? "" : ",";
    if (!own.json.empty()) {
      errors = errors || own.failed;
      merged += own.json;
      continue;
    }
    if (!items || next >= items->Size()) {
      return ElasticError{500, "exception", "the store answered fewer items of _bulk than it was sent"}
          .response();
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    (*items)[next++].Accept(writer);
    merged.append(buffer.GetString(), buffer.GetSize());
  }
  const bool has_took = items && stored.HasMember("took") && stored["took"].IsInt64();
  response.body = std::string("{\"errors\":") + (errors ? "true" : "false") +
                  ",\"took\":" + std::to_string(has_took ? stored["took"].GetInt64() : 0);
  if (ingest_took >= 0) response.body += ",\"ingest_took\":" + std::to_string(ingest_took);
  response.body += ",\"items\":[" + merged + "]}";
  return response;
}

Outcome Writes::document(http::Request request, const std::string& index,
                         const std::optional<std::string>& id, bool create) {
  const Caller caller = caller_of(request);
  const auto names = pipelines_.of(caller, index);
  if (!names) return names.error().response();
  const auto given = rest::query_parameter(request, "pipeline");
  Write write;
  write.index = index;
  write.first = given ? *given : names->first;
  if (write.first == "_none") write.first.clear();
  write.last = names->last;
  if (write.first.empty() && write.last.empty()) {
    if (!given) return request;
    return with_body(request, std::move(request.body));
  }
  if (request.body.empty())
    return ElasticError{400, "parse_exception", "request body is required"}.response();
  auto source = parse_source(request.body);
  if (!source) return source.error().response();
  write.document = std::make_unique<IngestDocument>(
      IngestDocument::Metadata{index, id, rest::query_parameter(request, "routing")}, std::move(*source));
  std::vector<Write*> running{&write};
  run_pipelines(caller, running);
  if (write.failure) return write.failure->response();
  const auto metadata = write.document->metadata();
  if (metadata.index == k_definition_index) return restricted_index().response();
  if (write.dropped) {
    std::string json = "{";
    append_member(json, "_index", index);
    json += ',';
    append_member(json, "_id", id.value_or(k_no_id));
    return json_response(json + k_dropped + "}");
  }
  http::Request changed = with_body(request, write.document->source_json());
  changed.path = "/" + http::percent_encode(metadata.index) + (create ? "/_create" : "/_doc");
  if (metadata.id) changed.path += "/" + http::percent_encode(*metadata.id);
  if (metadata.id && !id) changed.method = http::Method::put;  // the pipeline gave it an id
  return changed;
}

Outcome Writes::update(http::Request request, const std::string&, const std::string&) {
  return request;
}

Outcome Writes::by_query(http::Request request, const std::vector<std::string>&) {
  return request;
}

}  // namespace sightline::elastic
