#include "server/elastic/inference/semantic_text.h"

#include <rapidjson/document.h>
#include <string_view>

#include "base/json/members.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

bool is_mapping_request(const std::vector<std::string>& parts) {
  return parts.size() == 2 && (parts[1] == "_mapping" || parts[1] == "_mappings");
}

/// Gathers the fields of a mapping at any depth: `properties`, multi-fields, dynamic templates. The depth of
/// the body was limited when it was parsed.
void gather(const Value& value, std::string_view name, std::vector<SemanticText>& fields) {
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) gather(item, name, fields);
    return;
  }
  if (!value.IsObject()) return;
  const std::string_view type = json::text_at(value, "type");
  // A [semantic] field has an [inference_id]; what has none is something else with a member [type].
  if (type == "semantic_text" || (type == "semantic" && json::member(value, "inference_id").IsString())) {
    SemanticText& field = fields.emplace_back();
    field.name = name;
    field.type = type;
    for (const char* key : {"inference_id", "search_inference_id"}) {
      if (json::member(value, key).IsString()) field.inference_ids.emplace_back(json::text_at(value, key));
    }
  }
  for (const auto& member : value.GetObject()) gather(member.value, json::text_or_empty(member.name), fields);
}

}  // namespace

bool may_map_semantic_text(const http::Request& request) {
  if (request.method != http::Method::put && request.method != http::Method::post) return false;
  const auto parts = request.path_parts();
  if (parts.empty()) return false;
  const bool template_request =
      parts[0] == "_index_template" || parts[0] == "_component_template" || parts[0] == "_template";
  const bool new_index = parts.size() == 1 && !parts[0].starts_with('_');
  if (!template_request && !new_index && !is_mapping_request(parts)) return false;
  return request.body.find("semantic") != std::string::npos;
}

std::vector<SemanticText> semantic_texts_in(const http::Request& request) {
  std::vector<SemanticText> fields;
  const auto body = rest::parse_as_written(request.body);
  if (!body || !body->IsObject()) return fields;
  if (is_mapping_request(request.path_parts())) {
    gather(*body, "", fields);
    return fields;
  }
  gather(json::member(*body, "mappings"), "", fields);
  gather(json::member(*body, "template", "mappings"), "", fields);
  return fields;
}

}  // namespace sightline::elastic
