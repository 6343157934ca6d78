#include "server/api/page_info.h"

#include "base/json/writer.h"

namespace sightline::api {
namespace {

const char* name_of(ElasticsearchSide::Kind kind) {
  switch (kind) {
    case ElasticsearchSide::Kind::none:
      return "none";
    case ElasticsearchSide::Kind::embedded:
      return "embedded";
    case ElasticsearchSide::Kind::gateway:
      return "gateway";
  }
  return "none";
}

}  // namespace

std::string page_info(const PageFacts& facts, const InputLimits& limits, const ElasticsearchSide& elasticsearch) {
  rapidjson::StringBuffer buffer;
  json::Writer writer(buffer);
  const auto number = [&](const char* name, std::size_t value) {
    writer.Key(name);
    writer.Uint64(value);
  };
  const auto flag = [&](const char* name, bool value) {
    writer.Key(name);
    writer.Bool(value);
  };
  writer.StartObject();
  writer.Key("version");
  writer.String(SIGHTLINE_VERSION);
  flag("api_keys", facts.api_keys);
  writer.Key("elasticsearch");
  writer.StartObject();
  writer.Key("kind");
  writer.String(name_of(elasticsearch.kind()));
  writer.Key("url");
  elasticsearch.cluster_url().empty() ? writer.Null() : writer.String(elasticsearch.cluster_url());
  flag("ready", elasticsearch.is_open());
  writer.EndObject();
  writer.Key("cohere");
  writer.StartObject();
  flag("enabled", facts.cohere);
  flag("operator_key", facts.cohere_key);
  writer.EndObject();
  writer.Key("limits");
  writer.StartObject();
  number("inputs", limits.max_inputs);
  number("text_bytes", limits.max_text_bytes);
  number("image_bytes", limits.max_image_bytes);
  number("body_bytes", facts.max_body_bytes);
  number("elasticsearch_body_bytes", facts.max_elasticsearch_body_bytes);
  writer.EndObject();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace sightline::api
