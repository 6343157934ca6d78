#include "server/api/page_info.h"

#include "base/json/builder.h"

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
  json::Builder out;
  out.object().member("version", SIGHTLINE_VERSION).member("api_keys", facts.api_keys);
  out.object("elasticsearch").member("kind", name_of(elasticsearch.kind()));
  out.member_or_null("url", elasticsearch.cluster_url()).member("ready", elasticsearch.is_open()).end();
  out.object("cohere").member("enabled", facts.cohere).member("operator_key", facts.cohere_key).end();
  out.object("limits").member("inputs", limits.max_inputs).member("text_bytes", limits.max_text_bytes);
  out.member("image_bytes", limits.max_image_bytes).member("body_bytes", facts.max_body_bytes);
  out.member("elasticsearch_body_bytes", facts.max_elasticsearch_body_bytes);
  return out.text();
}

}  // namespace sightline::api
