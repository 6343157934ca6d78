// Single documents over REST.
#include <memory>
#include <set>

#include "base/json/document.h"
#include "base/json/writer.h"
#include "base/number_text.h"
#include "server/elastic/local/answer_size.h"
#include "server/elastic/local/api.h"
#include "server/elastic/local/document_writer.h"
#include "server/elastic/local/index_names.h"
#include "server/elastic/local/mapping_parser.h"
#include "server/elastic/local/update_body.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using http::Request;
using http::Response;
using rest::PathParameters;
using rest::SourceFilter;
using Action = DocumentWrite::Action;

ElasticError validation_failed(const std::string& what) {
  return {400, "action_request_validation_exception", "Validation Failed: 1: " + what + ";"};
}

Refusal read_number(const Request& request, const char* name, std::optional<std::int64_t>& number) {
  const auto text = rest::query_parameter(request, name);
  if (!text) return std::nullopt;
  number = number_from<std::int64_t>(*text);
  if (!number) {
    return not_a_number(
        "Failed to parse long parameter [" + std::string(name) + "] with value [" + *text + "]", *text);
  }
  return std::nullopt;
}

/// One write and its answer.
Response write_one(StoreCore& store, const Request& request, DocumentWrite write) {
  if (auto refusal = check_write_parameters(request)) return refusal->response();
  write.id = rest::document_id(write.id);
  if (const auto problem = rest::id_problem(write.id); problem && write.action != Action::remove)
    return validation_failed(*problem).response();
  const auto forced = forces_refresh(request);
  if (!forced) return forced.error().response();
  if (auto refusal = read_number(request, "if_seq_no", write.if_seq_no)) return refusal->response();
  if (auto refusal = read_number(request, "if_primary_term", write.if_primary_term))
    return refusal->response();
  if (write.if_seq_no.has_value() != write.if_primary_term.has_value()) {
    return validation_failed(write.if_seq_no ? "ifSeqNo is set, but primary term is [0]"
                                             : "ifSeqNo is unassigned, but primary term is [" +
                                                   std::to_string(*write.if_primary_term) + "]")
        .response();
  }
  const auto require_alias = rest::query_flag(request, "require_alias", false);
  if (!require_alias) return require_alias.error().response();
  if (*require_alias) {
    const auto target = store.find_for_write(write.index);
    if (!target || (*target)->name() == write.index) {
      ElasticError error = index_not_found(write.index);
      std::erase_if(error.details, [](const auto& detail) { return detail.first.starts_with("resource."); });
      error.reason += " and [require_alias] request flag is [true] and [" + write.index + "] is not an alias";
      return error.response();
    }
  }
  DocumentWriter writer(store);
  auto results = writer.write({&write, 1});
  if (!results) return results.error().response();
  if (wants_refresh(request)) writer.refresh();
  const Answer<WriteResult>& result = results->front();
  if (!result) return result.error().response();
  const bool noop = result->result == "noop";  // nothing was written, so no copy and no refresh is told of
  std::string out = "{" + write_members(*result, *forced && !noop, noop ? 0 : result->copies);
  if (!result->source.empty()) {
    out += ",\"get\":{\"_seq_no\":" + std::to_string(result->seq_no) +
           ",\"_primary_term\":1,\"found\":true,\"_source\":" + result->source + "}";
  }
  return json_answer(out + "}", result->status());
}

Response index_document(StoreCore& store, const Request& request, const PathParameters& path, Action action) {
  if (request.body.empty())
    return ElasticError{400, "parse_exception", "request body is required"}.response();
  if (const auto op_type = rest::query_parameter(request, "op_type")) {
    if (*op_type != "index" && *op_type != "create") {
      return illegal_argument("opType must be 'create' or 'index', found: [" + *op_type + "]").response();
    }
    if (*op_type == "create") action = Action::create;
  }
  return write_one(store, request, {action, path.get("index"), path.get("id"), request.body, {}, {}});
}

Response put_document(StoreCore& store, const Request& request, const PathParameters& path) {
  return index_document(store, request, path, Action::index);
}

Response create_document(StoreCore& store, const Request& request, const PathParameters& path) {
  return index_document(store, request, path, Action::create);
}

Response delete_document(StoreCore& store, const Request& request, const PathParameters& path) {
  return write_one(store, request, {Action::remove, path.get("index"), path.get("id"), {}, {}, {}});
}

Response update_document(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto wants_source = updates_show_source(request);
  if (!wants_source) return wants_source.error().response();
  return write_one(store, request,
                   {Action::update, path.get("index"), path.get("id"), request.body, {}, {}, *wants_source});
}

/// `,"_version":..,"found":true,"_source":{..}` of a document that is there, `,"found":false` else.
std::string found_members(const std::optional<StoredDocument>& document, const SourceFilter& filter) {
  if (!document) return ",\"found\":false";
  std::string out = ",\"_version\":" + std::to_string(document->version) +
                    ",\"_seq_no\":" + std::to_string(document->seq_no) +
                    ",\"_primary_term\":1,\"found\":true";
  if (filter.enabled) out += ",\"_source\":" + rest::filter_source(document->source, filter);
  return out;
}

/// The document of a path, and how to show it.
struct Found {
  IndexPtr index;
  std::shared_ptr<const SourceFilter> filter;
  std::optional<StoredDocument> document;
};

Answer<Found> find_document(const StoreCore& store, const std::string& name, const std::string& id,
                            std::shared_ptr<const SourceFilter> filter) {
  const auto index = store.find_one(name);
  if (!index) return index.error();
  auto document = (*index)->fetch_by_id(rest::document_id(id), filter->needs_vectors());
  if (!document) return storage_error(document.error());
  return Found{*index, std::move(filter), *std::move(document)};
}

/// Reads see the last write at once; that they shall not is refused. With `refresh` searches see it, too.
Refusal check_read_parameters(StoreCore& store, const Request& request, const std::set<std::string>& names) {
  const auto refresh = rest::query_flag(request, "refresh", false);
  if (!refresh) return refresh.error();
  const auto realtime = rest::query_flag(request, "realtime", true);
  if (!realtime) return realtime.error();
  if (!*realtime && !*refresh) {
    return illegal_argument(
        "[realtime=false] is not supported by this server: documents are read as last written");
  }
  if (!*refresh) return std::nullopt;
  for (const std::string& name : names) {
    if (const auto index = store.find_one(name)) store.refresh({*index});
  }
  return std::nullopt;
}

Answer<Found> find_document(StoreCore& store, const Request& request, const PathParameters& path) {
  if (auto refusal = check_read_parameters(store, request, {path.get("index")})) return *std::move(refusal);
  if (rest::query_parameter(request, "routing"))
    return illegal_argument("[routing] is not supported by this server");
  auto filter = rest::source_filter_of(request, store.limits().max_patterns);
  if (!filter) return filter.error();
  return find_document(store, path.get("index"), path.get("id"),
                       std::make_shared<const SourceFilter>(*std::move(filter)));
}

Response get_document(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto found = find_document(store, request, path);
  if (!found) return found.error().response();
  std::string out = "{\"_index\":";
  rest::append_json_string(out, found->index->name());
  out += ",\"_id\":";
  rest::append_json_string(out, rest::document_id(path.get("id")));
  return json_answer(out + found_members(found->document, *found->filter) + "}", found->document ? 200 : 404);
}

Response get_source(StoreCore& store, const Request& request, const PathParameters& path) {
  const auto found = find_document(store, request, path);
  if (!found) return found.error().response();
  if (!found->document) {
    return ElasticError{404, "resource_not_found_exception",
                        "Document not found [" + path.get("index") + "]/[" + path.get("id") + "]"}
        .response();
  }
  if (!found->filter->enabled) return validation_failed("fetching source can not be disabled").response();
  return json_answer(rest::filter_source(found->document->source, *found->filter));
}

/// An id of an _mget: a number as it is written.
std::string id_in(const rapidjson::Value& value) {
  return rest::document_id(json::is_text(value) ? shown(value) : json::text_as_written(value));
}

/// One line of an _mget.
struct Wanted {
  std::string index, id;
  std::shared_ptr<const SourceFilter> filter;  // most have it in common
};

Answer<Wanted> read_wanted(const rapidjson::Value& item, const std::string& index,
                           const std::shared_ptr<const SourceFilter>& filter, int position,
                           const Limits& limits) {
  Wanted wanted{index, "", filter};
  if (!item.IsObject())
    return ElasticError{400, "parse_exception", "docs array element should include an object"};
  for (const auto& [key, value] : item.GetObject()) {
    const std::string name = shown(key);
    if (name == "_index" && json::is_text(value)) {
      wanted.index = shown(value);
    } else if (name == "_id" && (value.IsString() || value.IsNumber())) {
      wanted.id = id_in(value);
    } else if (name == "_source") {
      auto own = rest::parse_source_filter(value, limits.max_patterns);
      if (!own) return own.error();
      wanted.filter = std::make_shared<const SourceFilter>(*std::move(own));
    } else if (name == "routing" || name == "stored_fields" || name == "version" || name == "version_type") {
      return illegal_argument("[" + name + "] in a multi get is not supported by this server");
    } else {
      return ElasticError{400, "parse_exception",
                          "failed to parse multi get request. unknown field [" + name + "]"};
    }
  }
  if (wanted.index.empty()) return validation_failed("index is missing for doc " + std::to_string(position));
  if (wanted.id.empty()) return validation_failed("id is missing for doc " + std::to_string(position));
  return wanted;
}

Answer<std::vector<Wanted>> read_multi_get(const Request& request, const std::string& index,
                                           const Limits& limits) {
  auto asked = rest::source_filter_of(request, limits.max_patterns);
  if (!asked) return asked.error();
  const auto filter = std::make_shared<const SourceFilter>(*std::move(asked));
  const auto body = rest::parse_as_written(request.body);
  if (!body) return body.error();
  std::vector<Wanted> wanted;
  if (!body->IsObject())
    return ElasticError{400, "parsing_exception",
                        "unexpected token, expected an object with [docs] or [ids]"};
  for (const auto& [key, value] : body->GetObject()) {
    const std::string name = shown(key);
    if ((name != "docs" && name != "ids") || !value.IsArray()) {
      return ElasticError{400, "parsing_exception",
                          "unknown key [" + name + "] for a START_ARRAY, expected [docs] or [ids]"};
    }
    for (const auto& item : value.GetArray()) {
      if (wanted.size() == limits.max_get_documents) {
        return illegal_argument("a multi get may ask for [" + std::to_string(limits.max_get_documents) +
                                "] documents at most; ask in parts, or raise "
                                "--elasticsearch-max-get-documents");
      }
      const int position = static_cast<int>(wanted.size());
      if (name == "ids") {
        if (index.empty()) return validation_failed("index is missing for doc " + std::to_string(position));
        wanted.push_back({index, id_in(item), filter});
        continue;
      }
      auto one = read_wanted(item, index, filter, position, limits);
      if (!one) return one.error();
      wanted.push_back(*std::move(one));
    }
  }
  if (wanted.empty()) return validation_failed("no documents to get");
  return wanted;
}

/// The `error` object within an item of an _mget, root causes and all.
std::string error_object(const ElasticError& error) {
  const std::string envelope = error.envelope_json();
  const std::size_t begin = envelope.find('{', 1);
  return envelope.substr(begin, envelope.rfind(",\"status\":") - begin);
}

Response multi_get(StoreCore& store, const Request& request, const PathParameters& path) {
  if (request.body.empty())
    return ElasticError{400, "parse_exception", "request body or source parameter is required"}.response();
  const auto wanted = read_multi_get(request, path.get("index"), store.limits());
  if (!wanted) return wanted.error().response();
  std::set<std::string> names;
  for (const Wanted& one : *wanted) names.insert(one.index);
  if (auto refusal = check_read_parameters(store, request, names)) return refusal->response();
  std::string out = "{\"docs\":[";
  for (const Wanted& one : *wanted) {
    check_answer_size(out, store.limits());
    if (out.back() == '}') out += ',';
    const auto found = find_document(store, one.index, one.id, one.filter);
    out += "{\"_index\":";
    rest::append_json_string(out, found ? found->index->name() : shortened(one.index));
    out += ",\"_id\":";
    rest::append_json_string(out, one.id);
    out +=
        found ? found_members(found->document, *found->filter) : ",\"error\":" + error_object(found.error());
    out += '}';
  }
  check_answer_size(out, store.limits());
  return json_answer(out + "]}");
}

}  // namespace

std::string write_members(const WriteResult& result, bool forced_refresh, int copies) {
  std::string out = "\"_index\":";
  rest::append_json_string(out, result.index);
  out += ",\"_id\":";
  rest::append_json_string(out, result.id);
  out += ",\"_version\":" + std::to_string(result.version) + ",\"result\":\"" + result.result + "\"";
  if (forced_refresh) out += ",\"forced_refresh\":true";
  return out + "," + write_shards_json(copies) + ",\"_seq_no\":" + std::to_string(result.seq_no) +
         ",\"_primary_term\":1";
}

Answer<bool> forces_refresh(const Request& request) {
  const auto value = rest::query_parameter(request, "refresh");
  if (!value || *value == "false" || *value == "wait_for") return false;
  if (value->empty() || *value == "true") return true;
  return illegal_argument("Unknown value for refresh: [" + *value + "].");
}

bool wants_refresh(const Request& request) {
  const auto value = rest::query_parameter(request, "refresh");
  return value && *value != "false";
}

Answer<bool> updates_show_source(const Request& request) {
  for (const char* filter : {"_source_includes", "_source_excludes"}) {
    if (rest::query_parameter(request, filter))
      return illegal_argument("[" + std::string(filter) + "] of an update is not supported by this server");
  }
  const auto source = rest::query_parameter(request, "_source");
  if (source && *source != "true" && *source != "false")
    return illegal_argument(std::string(k_update_source_is_flag));
  return source == "true";
}

Refusal check_write_parameters(const Request& request) {
  if (const auto pipeline = rest::query_parameter(request, "pipeline"); pipeline && *pipeline != "_none") {
    return illegal_argument("pipeline with id [" + *pipeline + "] does not exist");
  }
  for (const char* name : {"routing", "version", "version_type"}) {
    if (rest::query_parameter(request, name))
      return illegal_argument("[" + std::string(name) + "] is not supported by this server");
  }
  return std::nullopt;
}

void add_document_routes(rest::Router& router, StoreCore& store) {
  using enum http::Method;
  const AddRoute add(router, store);
  const std::string write =
      "pipeline refresh routing if_seq_no if_primary_term version version_type timeout "
      "wait_for_active_shards require_alias "
      "require_data_stream include_source_on_error";
  const std::string read =
      "_source _source_includes _source_excludes _source_exclude_vectors preference realtime refresh routing";
  add({post}, "/{index}/_doc", write + " op_type", put_document);
  add({put, post}, "/{index}/_doc/{id}", write + " op_type", put_document);
  add({put, post}, "/{index}/_create/{id}", write, create_document);
  add({delete_}, "/{index}/_doc/{id}", write, delete_document);
  add({get, head}, "/{index}/_doc/{id}", read, get_document);
  add({get, head}, "/{index}/_source/{id}", read, get_source);
  add({post}, "/{index}/_update/{id}", write + " retry_on_conflict _source lang", update_document);
  for (const char* pattern : {"/_mget", "/{index}/_mget"}) add({get, post}, pattern, read, multi_get);
}

}  // namespace sightline::elastic
