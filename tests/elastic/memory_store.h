// A store in memory that knows just what the front asks of one, and notes every request.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <set>
#include <string>
#include <vector>

#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/rest/bulk_reader.h"
#include "server/elastic/rest/router.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// All actions of a bulk body.
inline Answer<std::vector<BulkItem>> parse_bulk(std::string_view body, const std::string& default_index) {
  BulkReader reader(body, default_index);
  std::vector<BulkItem> items;
  while (true) {
    const auto item = reader.next();
    if (!item) return item.error();
    if (!*item) return items;
    items.push_back(**item);
  }
}

/// Indices with their settings as text, documents as JSON text. `_search` finds documents by one term, or
/// answers what `search_answer` says. It refuses query vector builders, which a plain store must never see,
/// and is strict about pipelines: a write that names one that is not its own fails; in a cluster also one
/// that names none, where the index has such a default. It keeps pipelines that are put; of what they do it
/// does only that a `remove` of an index's final one takes its field off, or fails.
class MemoryStore : public Store {
 public:
  using Documents = std::map<std::string, std::string>;

  http::Response handle(const http::Request& request) override {
    std::lock_guard lock(mutex_);
    requests.push_back(request);
    if (instead) {
      if (auto response = instead(request)) return *response;
    }
    if (request.body.find("query_vector_builder") != std::string::npos)
      return illegal_argument("the store was given what the front should have done").response();
    const auto parts = request.path_parts();
    if (parts.size() == 1 && parts[0] == "_bulk") return bulk(request, "");
    if (parts.size() == 2 && parts[1] == "_bulk") return bulk(request, parts[0]);
    if (parts.size() == 1 && parts[0].front() != '_') return index(request, parts[0]);
    if (parts.size() == 2 && parts[1] == "_settings") return settings(request, parts[0]);
    if (parts.size() == 2 && parts[1] == "_search") return search(request, parts[0]);
    if (parts.size() == 3 && parts[0] == "_ingest") return pipeline(request, parts[2]);
    if (parts.size() >= 2 && (parts[1] == "_doc" || parts[1] == "_create")) {
      return document(request, parts[0], parts.size() > 2 ? parts[2] : "made-" + std::to_string(++made_),
                      parts[1] == "_create");
    }
    return json_response(R"({"passed":"on"})");
  }

  bool runs_pipelines() const override { return is_cluster; }

  /// The source of a document; empty if there is none.
  std::string source(const std::string& index, const std::string& id) {
    std::lock_guard lock(mutex_);
    return indices[index][id];
  }
  std::vector<http::Request> seen(const std::string& path) {
    std::lock_guard lock(mutex_);
    std::vector<http::Request> found;
    for (const auto& request : requests) {
      if (request.path == path) found.push_back(request);
    }
    return found;
  }

  std::map<std::string, Documents> indices;
  std::map<std::string, std::string> index_settings;  ///< JSON of `settings.index`
  std::vector<http::Request> requests;
  std::string search_answer = R"({"hits":{"hits":[]}})";
  bool is_cluster = false;
  std::set<std::string> own_pipelines;
  std::map<std::string, std::string> pipelines;  ///< that were put, as JSON
  /// Asked first about every request, under the store's lock.
  std::function<std::optional<http::Response>(const http::Request&)> instead;

 private:
  /// Why a write to the index with this pipeline of its own or of its request is refused.
  Refusal pipeline_fault(const std::string& index, const std::optional<std::string>& given) {
    std::string name = given.value_or("_none");
    const auto settings = index_settings.find(index);
    if (is_cluster && !given && settings != index_settings.end()) {
      rapidjson::Document json;
      json.Parse(settings->second.c_str());
      if (json.HasMember("default_pipeline")) name = json["default_pipeline"].GetString();
    }
    if (name == "_none" || own_pipelines.contains(name)) return {};
    return illegal_argument("pipeline with id [" + name + "] does not exist");
  }

  /// What the index's final pipeline makes of a document: the fields that it removes have to be there.
  Refusal run_final(const std::string& index, std::string& source) {
    const auto settings = index_settings.find(index);
    if (!is_cluster || settings == index_settings.end()) return {};
    rapidjson::Document json;
    json.Parse(settings->second.c_str());
    if (!json.HasMember("final_pipeline")) return {};
    const std::string name = json["final_pipeline"].GetString();
    if (own_pipelines.contains(name)) return {};
    if (!pipelines.contains(name)) return illegal_argument("pipeline with id [" + name + "] does not exist");
    rapidjson::Document pipeline, document;
    pipeline.Parse(pipelines[name].c_str());
    document.Parse<rapidjson::kParseFullPrecisionFlag>(source.c_str());
    for (const auto& processor : pipeline["processors"].GetArray()) {
      const std::string field = processor["remove"]["field"].GetString();
      if (!document.RemoveMember(field))
        return illegal_argument("field [" + field + "] not present as part of path [" + field + "]");
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    document.Accept(writer);
    source = buffer.GetString();
    return {};
  }

  http::Response pipeline(const http::Request& request, const std::string& name) {
    if (request.method == http::Method::put) {
      pipelines[name] = request.body;
    } else if (!pipelines.contains(name)) {
      return json_response("{}", 404);
    } else if (request.method == http::Method::delete_) {
      pipelines.erase(name);
    } else {
      return json_response("{\"" + name + "\":" + pipelines[name] + "}");
    }
    return json_response(R"({"acknowledged":true})");
  }

  static ElasticError no_such_index(const std::string& name) {
    return {404, "index_not_found_exception", "no such index [" + name + "]"};
  }

  http::Response index(const http::Request& request, const std::string& name) {
    if (request.method == http::Method::put) {
      if (indices.contains(name)) return ElasticError{400, "resource_already_exists_exception", "exists"}.response();
      indices[name];
      rapidjson::Document body;
      body.Parse(request.body.data(), request.body.size());
      if (!body.HasParseError() && body.HasMember("settings") && body["settings"].HasMember("index")) {
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        body["settings"]["index"].Accept(writer);
        index_settings[name] = buffer.GetString();
      }
      return json_response(R"({"acknowledged":true})");
    }
    return indices.contains(name) ? json_response("{}") : no_such_index(name).response();
  }

  http::Response settings(const http::Request&, const std::string& name) {
    if (!indices.contains(name)) return no_such_index(name).response();
    const std::string text = index_settings.contains(name) ? index_settings[name] : "{}";
    return json_response("{\"" + name + "\":{\"settings\":{\"index\":" + text + "}}}");
  }

  http::Response search(const http::Request& request, const std::string& name) {
    if (name != k_definition_index) return json_response(search_answer);
    if (!indices.contains(name)) return no_such_index(name).response();
    rapidjson::Document query;
    query.Parse(request.body.data(), request.body.size());
    const std::string kind = query["query"]["term"]["kind"].GetString();
    std::string hits;
    int total = 0;
    for (const auto& [id, text] : indices[name]) {
      if (text.empty() || !id.starts_with(kind + ":")) continue;
      ++total;
      hits += (hits.empty() ? "" : ",") + std::string("{\"_id\":\"") + id + "\",\"_source\":" + text + "}";
    }
    return json_response("{\"hits\":{\"total\":{\"value\":" + std::to_string(total) + "},\"hits\":[" + hits + "]}}");
  }

  http::Response document(const http::Request& request, const std::string& name, const std::string& id, bool create) {
    if (request.method == http::Method::delete_ && !indices.contains(name)) return no_such_index(name).response();
    const auto found = indices[name].find(id);
    const bool exists = found != indices[name].end() && !found->second.empty();
    int& seq_no = seq_nos_[name + "/" + id];
    if (request.method == http::Method::get) {
      if (!exists) return json_response(R"({"found":false})", 404);
      return json_response("{\"found\":true,\"_id\":\"" + id + "\",\"_version\":1,\"_seq_no\":" +
                           std::to_string(seq_no) + ",\"_primary_term\":1,\"_source\":" + found->second + "}");
    }
    std::string source = request.body;
    if (request.method != http::Method::delete_ && name != k_definition_index) {
      if (auto fault = pipeline_fault(name, rest::query_parameter(request, "pipeline"))) return fault->response();
      if (auto fault = run_final(name, source)) return fault->response();
    }
    if (const auto expected = rest::query_parameter(request, "if_seq_no");
        expected && *expected != std::to_string(seq_no))
      return ElasticError{409, "version_conflict_engine_exception", "another version"}.response();
    ++seq_no;
    if (request.method == http::Method::delete_) {
      if (exists) indices[name].erase(found);
      return json_response(exists ? R"({"result":"deleted"})" : R"({"result":"not_found"})", exists ? 200 : 404);
    }
    if (create && exists) return ElasticError{409, "version_conflict_engine_exception", "exists"}.response();
    indices[name][id] = source;
    return json_response("{\"_index\":\"" + name + "\",\"_id\":\"" + id + "\",\"result\":\"created\"}",
                         exists ? 200 : 201);
  }

  http::Response bulk(const http::Request& request, const std::string& default_index) {
    auto items = parse_bulk(request.body, default_index);
    if (!items) return items.error().response();
    std::string answers;
    bool errors = false;
    for (const auto& item : *items) {
      const std::string id = item.id.value_or("made-" + std::to_string(++made_));
      const bool whole = item.operation == "index" || item.operation == "create";
      const auto given = item.pipeline ? item.pipeline : rest::query_parameter(request, "pipeline");
      std::string source(item.source_line);
      Refusal fault = whole ? pipeline_fault(item.index, given) : Refusal();
      if (whole && !fault) fault = run_final(item.index, source);
      if (fault) {
        errors = true;
        answers += (answers.empty() ? "{\"" : ",{\"") + item.operation + "\":{\"_index\":\"" + item.index +
                   "\",\"_id\":\"" + id + "\",\"status\":400,\"error\":" + fault->item_json() + "}}";
        continue;
      }
      const bool refused = item.operation == "create" && !indices[item.index][id].empty();
      errors = errors || refused;
      if (!refused) indices[item.index][id] = item.operation == "delete" ? "" : source;
      answers += (answers.empty() ? "{\"" : ",{\"") + item.operation + "\":{\"_index\":\"" + item.index +
                 "\",\"_id\":\"" + id + "\",\"status\":" + (refused ? "409,\"error\":{}" : "201") + "}}";
    }
    return json_response(std::string("{\"errors\":") + (errors ? "true" : "false") + ",\"took\":5,\"items\":[" +
                         answers + "]}");
  }

  std::mutex mutex_;
  int made_ = 0;
  std::map<std::string, int> seq_nos_;
};

}  // namespace sightline::elastic
