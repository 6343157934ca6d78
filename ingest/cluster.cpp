#include "ingest/cluster.h"

#include <algorithm>

#include "base/base64.h"
#include "base/env_file.h"
#include "base/json/builder.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "base/json/utf8.h"
#include "base/number_text.h"
#include "base/url_credentials.h"
#include "ingest/json_members.h"

namespace sightline::ingest {
namespace {

constexpr std::size_t k_shown_body_bytes = 300;

Error unexpected(const std::string& path, const std::string& what) {
  return {ErrorCode::unavailable, "Elasticsearch's answer to " + path + " " + what};
}

std::string path_of(const std::string& index, const char* action) {
  return std::string("/").append(http::percent_encode(index)).append(action);
}

/// `inner` first, then what was said around it.
std::string innermost_first(const std::string& inner, std::string outer) {
  if (const std::size_t at = outer.find(inner); at != std::string::npos) outer.erase(at, inner.size());
  outer.erase(outer.find_last_not_of(" :;,.[") + 1);  // all of it if there is nothing else
  return outer.empty() ? inner : std::string(inner).append(" (").append(outer).append(")");
}

/// What an inference server answered stands at the end of Elasticsearch's sentence about it.
std::string unwrapped(const std::string& reason) {
  constexpr std::string_view k_mark = "Error message: [";
  const std::size_t mark = reason.find(k_mark), end = reason.rfind(']');
  if (mark == std::string::npos || end == std::string::npos || end < mark + k_mark.size()) return reason;
  const std::size_t begin = mark + k_mark.size();
  const std::string inner = reason_of(reason.substr(begin, end - begin));
  return inner.empty() ? reason : innermost_first(inner, reason.substr(0, mark));
}

ErrorCode code_of(int status) {
  switch (status) {
    case 403:
    case 404:
      return ErrorCode::not_found;
    case 408:  // of a proxy
    case 429:
      return ErrorCode::unavailable;
    case 413:
      return ErrorCode::too_large;
    default:
      return status >= 500 ? ErrorCode::unavailable : ErrorCode::invalid_argument;
  }
}

/// Of one document of `_mget`: whether it is refused for what was asked, however often it is asked again.
bool is_refusal(std::string_view error) {
  rapidjson::Document document;
  json::read_document(error, document);
  const std::string_view type = json::text_at(document, "type");
  return type == "index_not_found_exception" || type == "illegal_argument_exception" ||
         type == "routing_missing_exception" || type == "security_exception" || type == "index_closed_exception";
}

std::string causes(const rapidjson::Value& error) {
  std::string text;
  for (const char* const key : {"detail", "reason", "message"}) {
    if (json::member(error, key).IsString()) text = json::text_at(error, key);
  }
  if (const rapidjson::Value& inner = json::member(error, "caused_by"); inner.IsObject()) {
    const std::string cause = causes(inner);
    if (!cause.empty()) return text.empty() ? cause : innermost_first(cause, text);
  }
  return unwrapped(text);
}

}  // namespace

bool may_pass(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::unreachable ||
         error.code == ErrorCode::deadline_exceeded || error.code == ErrorCode::overloaded;
}

bool is_not_ready(const Error& error) {
  return may_pass(error) && error.code != ErrorCode::unreachable;
}

std::string reason_of(const std::string& body) {
  rapidjson::Document document;
  if (!json::read_document(body, document, k_document_json)) {
    const rapidjson::Value& whole = document;
    const rapidjson::Value& error = json::member(whole, "error");
    if (error.IsString()) return error.GetString();
    for (const rapidjson::Value* const place : {&error, &whole}) {
      if (std::string text = causes(*place); !text.empty()) return text;
    }
  }
  return std::string(json::first_bytes(body, k_shown_body_bytes));
}

namespace {

std::string_view value_in(const std::vector<JsonMember>& members, std::string_view name) {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const JsonMember& member) { return member.name == name; });
  return found == members.end() ? std::string_view() : found->value;
}

/// Errors: unavailable (its `_source` cannot be read: what is not read would be lost when the document is written
/// again).
Result<StoredDocument> stored_document(const std::vector<JsonMember>& item) {
  StoredDocument stored;
  stored.found = value_in(item, "found") == "true";
  stored.sequence_number = number_from<std::uint64_t>(value_in(item, "_seq_no"));
  stored.primary_term = number_from<std::uint64_t>(value_in(item, "_primary_term"));
  const std::string_view source = value_in(item, "_source");
  const auto fields = source.empty() ? std::optional(std::vector<JsonMember>()) : members_of(source);
  if (!fields) return Error{ErrorCode::unavailable, "Elasticsearch's answer has a _source that cannot be read"};
  json::Builder members;
  for (const JsonMember& member : *fields) {
    if (member.name == "image_name") {
      stored.name = json::decoded_string(member.value, k_document_json).value_or("");
      continue;
    }
    members.member(member.name, json::Raw{member.value});
  }
  stored.members = members.text();
  return stored;
}

/// Takes the answer to `_mget` apart without reading numbers: they keep their digits.
Result<std::vector<Result<StoredDocument>>> documents_in(const std::string& body, const std::string& path,
                                                         const std::vector<std::string>& ids) {
  const Error faulty = unexpected(path, "does not list the " + std::to_string(ids.size()) + " documents asked for");
  const auto answer = members_of(body);
  if (!answer) {
    const json::Fault fault = visit_leaves(body, [](const std::string&, const JsonLeaf&) {});
    if (!fault.is_limit()) return faulty;
    return Error{ErrorCode::unsupported,
                 "what the index holds under this _id cannot be read: " + json::message(fault, k_document_json)};
  }
  std::vector<Result<StoredDocument>> documents;
  for (const std::string_view item : elements_of(value_in(*answer, "docs"))) {
    const auto members = members_of(item);
    if (!members || documents.size() == ids.size()) return faulty;
    if (json::decoded_string(value_in(*members, "_id"), k_document_json) != ids[documents.size()]) return faulty;
    if (const std::string_view error = value_in(*members, "error"); !error.empty()) {
      Error found = unexpected(path, "holds an error: " + reason_of(std::string(error)));
      if (is_refusal(error)) found.code = ErrorCode::invalid_argument;
      documents.emplace_back(std::move(found));
      continue;
    }
    documents.push_back(stored_document(*members));
  }
  if (documents.size() != ids.size()) return faulty;
  return documents;
}

void add_new(std::vector<std::string>& list, const rapidjson::Value& name) {
  if (name.IsString() && std::find(list.begin(), list.end(), name.GetString()) == list.end())
    list.emplace_back(name.GetString());
}

/// `a` of `a.b.c`: what stands in an object is removed with it.
std::string_view outermost(std::string_view path) {
  return path.substr(0, path.find('.'));
}

/// What is found of pipelines' processors, also of those within others.
struct PipelineOutputs {
  std::vector<std::string> fields;     ///< written by `inference`, or renamed from what it writes
  std::vector<std::string> removed;    ///< by `remove`
  std::vector<std::string> pipelines;  ///< called by `pipeline`
  std::vector<Cluster::PipelineFields::Inference> inferences;

  void collect(const rapidjson::Value& value, bool in_inference = false) {
    if (value.IsArray()) {
      for (const auto& element : value.GetArray()) collect(element, in_inference);
    }
    if (!value.IsObject()) return;
    for (const auto& member : value.GetObject()) {
      const std::string_view name(member.name.GetString(), member.name.GetStringLength());
      if (in_inference && (name == "output_field" || name == "target_field")) add_new(fields, member.value);
      if (name == "inference") collect_inference(json::member(member.value, "input_output"));
      if (name == "rename") collect_rename(member.value);
      if (name == "remove") collect_removed(json::member(member.value, "field"));
      if (name == "pipeline") add_new(pipelines, json::member(member.value, "name"));
      collect(member.value, in_inference || name == "inference");
    }
  }

 private:
  void collect_inference(const rapidjson::Value& input_output) {
    const std::size_t number = inferences.empty() ? 0 : inferences.back().processor + 1;
    const auto add = [&](const rapidjson::Value& pair) {
      const auto &input = json::member(pair, "input_field"), &output = json::member(pair, "output_field");
      if (input.IsString() && output.IsString()) inferences.push_back({input.GetString(), output.GetString(), number});
    };
    if (input_output.IsObject()) add(input_output);
    if (!input_output.IsArray()) return;
    for (const auto& pair : input_output.GetArray()) add(pair);
  }
  void collect_removed(const rapidjson::Value& field) {
    add_new(removed, field);
    if (!field.IsArray()) return;
    for (const auto& one : field.GetArray()) add_new(removed, one);
  }
  /// A vector may be made in a field of its own and then take the old one's place.
  void collect_rename(const rapidjson::Value& rename) {
    if (!json::member(rename, "field").IsString()) return;
    const std::string_view from = outermost(json::text_at(rename, "field"));
    const bool inferred =
        std::any_of(fields.begin(), fields.end(), [&](const std::string& field) { return outermost(field) == from; });
    const rapidjson::Value& target = json::member(rename, "target_field");
    if (!inferred || !target.IsString()) return;
    add_new(fields, target);
    for (auto& inference : inferences) {
      if (inference.output == json::text_at(rename, "field")) inference.output = target.GetString();
    }
  }
};

}  // namespace

Result<ClusterSettings> ClusterSettings::read(const std::filesystem::path& env_file) {
  const auto values = read_env_file(env_file);
  if (!values.ok()) return values.error();
  const auto first_of = [&](const char* key, const char* other) {
    const std::string value = setting(*values, key);
    return value.empty() && other != nullptr ? setting(*values, other) : value;
  };
  ClusterSettings settings;
  settings.url = first_of("ELASTICSEARCH_URL", "ES_LOCAL_URL");
  if (settings.url.empty()) settings.url = "http://127.0.0.1:9200";
  settings.api_key = first_of("ELASTICSEARCH_API_KEY", "ES_LOCAL_API_KEY");
  settings.user = first_of("ELASTICSEARCH_USER", nullptr);
  settings.password = first_of("ELASTICSEARCH_PASSWORD", nullptr);
  settings.ca_file = first_of("ELASTICSEARCH_CA_FILE", nullptr);
  return settings;
}

Result<std::unique_ptr<Cluster>> Cluster::connect(const ClusterSettings& settings) {
  std::unique_ptr<Cluster> cluster(new Cluster(settings));
  auto split = split_server_url(settings.url, "the URL of the cluster (--elasticsearch, ELASTICSEARCH_URL)");
  if (!split.ok()) return split.error();
  auto [url, user, password] = *std::move(split);
  cluster->settings_.url = std::move(url);
  if (settings.api_key.empty() && settings.user.empty()) {
    cluster->settings_.user = std::move(user);
    cluster->settings_.password = std::move(password);
  }
  while (cluster->settings_.url.ends_with('/')) cluster->settings_.url.pop_back();
  http::Client::Options options;
  options.max_connections_per_host = settings.max_connections;
  options.ca_file = settings.ca_file;
  auto client = http::Client::create(options);
  if (!client.ok()) return client.error();
  cluster->client_ = std::move(*client);
  return cluster;
}

http::ClientRequest Cluster::request(http::Method method, const std::string& path, std::string body) const {
  http::ClientRequest request;
  request.method = method;
  request.url = settings_.url + path;
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  if (!settings_.api_key.empty()) {
    request.headers.add("Authorization", "ApiKey " + settings_.api_key);
  } else if (!settings_.user.empty()) {
    request.headers.add("Authorization", "Basic " + base64_encode(settings_.user + ":" + settings_.password));
  }
  request.body = std::move(body);
  return request;
}

Result<http::Response> Cluster::exchange(http::Method method, const std::string& path, std::string body,
                                         const std::vector<int>& accepted) {
  return judged(client_->send_and_wait(request(method, path, std::move(body))), path, accepted);
}

Result<http::Response> Cluster::judged(Result<http::Response> response, const std::string& path,
                                       const std::vector<int>& accepted) const {
  if (!response.ok()) {
    return Error{response.error().code, "no answer from Elasticsearch at " + settings_.url + ": " +
                                            response.error().message + " (set ELASTICSEARCH_URL to where it runs)"};
  }
  if (std::find(accepted.begin(), accepted.end(), response->status) == accepted.end()) {
    return Error{code_of(response->status), "Elasticsearch answered " + std::to_string(response->status) + " to " +
                                                path + ": " + reason_of(response->body)};
  }
  return response;
}

Result<Cluster::IndexState> Cluster::index_state(const std::string& index) {
  const std::string path = path_of(index, "/_settings");
  const auto response = exchange(http::Method::get, path, {}, {200, 404});
  if (!response.ok()) return response.error();
  IndexState state;
  if (response->status == 404) return state;
  rapidjson::Document document;
  if (json::read_document(response->body, document) || !document.IsObject() || document.MemberCount() == 0) {
    return unexpected(path, "is not the expected JSON");
  }
  state.exists = true;
  state.read_from = index;
  if (document.MemberCount() > 1) {  // under an alias the keys are the indices behind it
    const auto written = index_written_to(index);
    if (!written.ok()) return written.error();
    state.read_from = *written;
  }
  const rapidjson::Value& entry =
      document.HasMember(state.read_from) ? document[state.read_from] : document.MemberBegin()->value;
  state.default_pipeline = json::text_at(entry, "settings", "index", "default_pipeline");
  state.final_pipeline = json::text_at(entry, "settings", "index", "final_pipeline");
  state.id = json::text_at(entry, "settings", "index", "uuid");
  for (const auto& one : document.GetObject())
    state.ids.emplace_back(json::text_at(one.value, "settings", "index", "uuid"));
  return state;
}

Result<std::string> Cluster::index_written_to(const std::string& alias) {
  const std::string path = std::string("/_alias/").append(http::percent_encode(alias));
  const auto response = exchange(http::Method::get, path);
  if (!response.ok()) return response.error();
  rapidjson::Document document;
  if (json::read_document(response->body, document) || !document.IsObject())
    return unexpected(path, "is not the expected JSON");
  for (const auto& index : document.GetObject()) {
    if (json::member(index.value, "aliases", alias, "is_write_index").IsTrue())
      return std::string(index.name.GetString());
  }
  return Error{ErrorCode::invalid_argument, "several indices are behind " + alias +
                                                ", and none is the one to write to (is_write_index); name one of them"};
}

Result<std::vector<Result<StoredDocument>>> Cluster::read_documents(const std::string& index,
                                                                    const std::vector<std::string>& ids,
                                                                    const std::vector<std::string>& left_out) {
  std::string fields;
  for (const std::string& field : left_out) {
    if (!fields.empty()) fields += ',';
    fields += http::percent_encode(field);
  }
  const std::string path = path_of(index, "/_mget?_source_excludes=").append(fields);
  const std::string body = json::Builder().object().member("ids", ids).text();
  const std::string with_vectors = std::string(path).append("&_source_exclude_vectors=false");
  auto response = exchange(http::Method::post, shows_vectors_ ? with_vectors : path, body);
  if (!response.ok() && shows_vectors_ &&
      response.error().message.find("_source_exclude_vectors") != std::string::npos) {
    shows_vectors_ = false;
    response = exchange(http::Method::post, path, body);
  }
  if (!response.ok()) return response.error();
  return documents_in(response->body, path, ids);
}

Result<Cluster::PipelineFields> Cluster::pipeline_fields(const std::vector<std::string>& pipelines) {
  PipelineOutputs outputs{{}, {}, pipelines, {}};
  for (std::size_t at = 0; at < outputs.pipelines.size(); ++at) {
    const std::string name = outputs.pipelines[at];
    const std::string path = std::string("/_ingest/pipeline/").append(http::percent_encode(name));
    const auto response = exchange(http::Method::get, path, {}, {200, 404});
    if (!response.ok()) return response.error();
    rapidjson::Document document;
    if (!json::read_document(response->body, document)) outputs.collect(document);
  }
  if (!outputs.fields.empty()) outputs.fields.emplace_back("model_id");  // which stands beside the first of them
  return PipelineFields{std::move(outputs.fields), std::move(outputs.removed), std::move(outputs.inferences)};
}

Result<std::string> Cluster::mapping(const std::string& index) {
  const std::string path = path_of(index, "/_mapping");
  const auto response = exchange(http::Method::get, path);
  if (!response.ok()) return response.error();
  rapidjson::Document document;
  if (json::read_document(response->body, document) || !document.IsObject() || document.ObjectEmpty())
    return unexpected(path, "holds no mapping");
  const rapidjson::Value& mappings = json::member(document.MemberBegin()->value, "mappings");
  if (mappings.IsNull()) return unexpected(path, "holds no mapping");
  return json::text_of(mappings);
}

Status Cluster::add_to_mapping(const std::string& index, const std::string& properties) {
  const auto response = exchange(http::Method::put, path_of(index, "/_mapping"),
                                 json::Builder().object().member("properties", json::Raw{properties}).text());
  return response.ok() ? Status() : Status(response.error());
}

Status Cluster::create_index(const std::string& index, const std::string& body) {
  const auto response = exchange(http::Method::put, path_of(index, ""), body, {200, 400});
  if (!response.ok()) return response.error();
  if (response->status == 200 || response->body.find("resource_already_exists_exception") != std::string::npos)
    return {};
  return Error{ErrorCode::invalid_argument,
               "Elasticsearch does not create index " + index + ": " + reason_of(response->body)};
}

Result<std::vector<std::string>> Cluster::find_ids(const std::string& index, const std::string& field,
                                                   const std::string& value) {
  const std::string path = path_of(index, "/_search");
  json::Builder query;
  query.object().member("size", 10'000).member("_source", false);
  query.object("query").object("term").member(field, value);
  const auto response = exchange(http::Method::post, path, query.text());
  if (!response.ok()) return response.error();
  rapidjson::Document document;
  json::read_document(response->body, document);
  const rapidjson::Value& hits = json::member(document, "hits", "hits");
  if (!hits.IsArray()) return unexpected(path, "has no hits");
  std::vector<std::string> ids;
  for (const auto& hit : hits.GetArray()) {
    if (!json::member(hit, "_id").IsString()) return unexpected(path, "has a hit without an _id");
    ids.emplace_back(json::text_at(hit, "_id"));
  }
  return ids;
}

Status Cluster::refresh(const std::string& index) {
  const auto response = exchange(http::Method::post, path_of(index, "/_refresh"));
  return response.ok() ? Status() : Status(response.error());
}

Result<std::uint64_t> Cluster::count(const std::string& index) {
  const std::string path = path_of(index, "/_count");
  const auto response = exchange(http::Method::get, path);
  if (!response.ok()) return response.error();
  rapidjson::Document document;
  json::read_document(response->body, document);
  const rapidjson::Value& count = json::member(document, "count");
  if (!count.IsUint64()) return unexpected(path, "has no count");
  return count.GetUint64();
}

void Cluster::send_bulk(const std::string& index, const std::string& pipeline, std::string body,
                        std::function<void(Result<http::Response>)> answered) {
  client_->send(bulk_request(index, pipeline, std::move(body)), std::move(answered));
}

Result<std::vector<BulkOutcome>> Cluster::bulk(const std::string& index, std::string body,
                                               const std::vector<std::string>& ids) {
  const auto response =
      judged(client_->send_and_wait(bulk_request(index, {}, std::move(body))), path_of(index, "/_bulk"), {200});
  if (!response.ok()) return response.error();
  auto answer = read_bulk_answer(response->body, ids);
  if (!answer.ok()) return answer.error();
  return std::move(answer->outcomes);
}

http::ClientRequest Cluster::bulk_request(const std::string& index, const std::string& pipeline,
                                          std::string body) const {
  std::string path = path_of(index, "/_bulk");
  if (!pipeline.empty()) path += "?pipeline=" + http::percent_encode(pipeline);
  http::ClientRequest bulk = request(http::Method::post, path, std::move(body));
  bulk.headers.set("Content-Type", "application/x-ndjson");
  bulk.timeout = settings_.bulk_timeout;
  return bulk;
}

}  // namespace sightline::ingest
