#include "ingest/cluster.h"

#include <algorithm>

#include "base/base64.h"
#include "base/env_file.h"
#include "base/json/document.h"
#include "base/json/writer.h"

namespace sightline::ingest {
namespace {

constexpr std::size_t k_shown_body_bytes = 300;

Error unexpected(const std::string& path, const std::string& what) {
  return {ErrorCode::unavailable, "Elasticsearch's answer to " + path + " " + what};
}

std::string path_of(const std::string& index, const char* action) {
  return std::string("/").append(http::percent_encode(index)).append(action);
}

std::string causes(const rapidjson::Value& error) {
  std::string text;
  if (error.HasMember("reason") && error["reason"].IsString()) text = error["reason"].GetString();
  if (error.HasMember("caused_by") && error["caused_by"].IsObject()) {
    const std::string cause = causes(error["caused_by"]);
    if (!cause.empty() && text.find(cause) == std::string::npos)
      text += text.empty() ? cause : "; cause: " + cause;
  }
  return text;
}

}  // namespace

std::string reason_of(const std::string& body) {
  rapidjson::Document document;
  if (!json::read_document(body, document) && document.IsObject()) {
    const rapidjson::Value& error = document.HasMember("error") ? document["error"] : document;
    if (error.IsString()) return error.GetString();
    if (error.IsObject()) {
      if (std::string text = causes(error); !text.empty()) return text;
    }
  }
  return body.substr(0, k_shown_body_bytes);
}

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
  auto response = client_->send_and_wait(request(method, path, std::move(body)));
  if (!response.ok()) {
    return Error{response.error().code, "no answer from Elasticsearch at " + settings_.url + ": " +
                                            response.error().message +
                                            " (set ELASTICSEARCH_URL to where it runs)"};
  }
  if (std::find(accepted.begin(), accepted.end(), response->status) == accepted.end()) {
    return Error{response->status == 401 || response->status == 403 ? ErrorCode::invalid_argument
                                                                    : ErrorCode::unavailable,
                 "Elasticsearch answered " + std::to_string(response->status) + " to " + path + ": " +
                     reason_of(response->body)};
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
  if (json::read_document(response->body, document) || !document.IsObject() ||
      document.MemberCount() == 0) {
    return unexpected(path, "is not the JSON it should be");
  }
  state.exists = true;
  const rapidjson::Value& entry =
      document.MemberBegin()->value;  // under an alias the key is the index behind it
  if (entry.IsObject() && entry.HasMember("settings") && entry["settings"].IsObject()) {
    const rapidjson::Value& settings = entry["settings"];
    if (settings.HasMember("index") && settings["index"].IsObject() &&
        settings["index"].HasMember("default_pipeline") && settings["index"]["default_pipeline"].IsString()) {
      state.default_pipeline = settings["index"]["default_pipeline"].GetString();
    }
  }
  return state;
}

Result<std::vector<bool>> Cluster::which_exist(const std::string& index,
                                               const std::vector<std::string>& ids) {
  rapidjson::StringBuffer buffer;
  json::Writer writer(buffer);
  writer.StartObject();
  writer.Key("ids");
  writer.StartArray();
  for (const std::string& id : ids) writer.String(id);
  writer.EndArray();
  writer.EndObject();
  const std::string path = path_of(index, "/_mget?_source=false");
  const auto response = exchange(http::Method::post, path, {buffer.GetString(), buffer.GetSize()});
  if (!response.ok()) return response.error();
  rapidjson::Document document;
  if (json::read_document(response->body, document) || !document.IsObject() ||
      !document.HasMember("docs") || !document["docs"].IsArray() || document["docs"].Size() != ids.size()) {
    return unexpected(path, "does not list the " + std::to_string(ids.size()) + " documents asked for");
  }
  std::vector<bool> exist;
  for (const auto& item : document["docs"].GetArray()) {
    if (item.IsObject() && item.HasMember("error"))
      return unexpected(path, "holds an error: " + causes(item["error"]));
    exist.push_back(item.IsObject() && item.HasMember("found") && item["found"].IsTrue());
  }
  return exist;
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
  if (json::read_document(response->body, document) || !document.IsObject() ||
      !document.HasMember("count") || !document["count"].IsUint64()) {
    return unexpected(path, "has no count");
  }
  return document["count"].GetUint64();
}

void Cluster::send_bulk(const std::string& index, const std::string& pipeline, std::string body,
                        std::function<void(Result<http::Response>)> answered) {
  std::string path = path_of(index, "/_bulk");
  if (!pipeline.empty()) path += "?pipeline=" + http::percent_encode(pipeline);
  http::ClientRequest bulk = request(http::Method::post, path, std::move(body));
  bulk.headers.set("Content-Type", "application/x-ndjson");
  bulk.timeout = settings_.bulk_timeout;
  client_->send(std::move(bulk), std::move(answered));
}

}  // namespace sightline::ingest
