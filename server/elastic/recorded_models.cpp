#include "server/elastic/recorded_models.h"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include "base/json/document.h"
#include "server/elastic/caller.h"
#include "server/elastic/definitions/definition_index.h"

namespace sightline::elastic {
namespace {

std::string text_of(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject()) return {};
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd() || !found->value.IsString()) return {};
  return {found->value.GetString(), found->value.GetStringLength()};
}

}  // namespace

std::vector<RecordedModel> recorded_models(Store& store) {
  const http::Response answer = store.handle(store_request({}, http::Method::get, "/_mapping"));
  rapidjson::Document indices;
  if (answer.status != 200 || json::read_document(answer.body, indices) || !indices.IsObject()) return {};
  std::vector<RecordedModel> found;
  for (const auto& index : indices.GetObject()) {
    const auto* const fields = rapidjson::Pointer("/mappings/_meta/sightline").Get(index.value);
    if (!fields || !fields->IsObject()) continue;
    for (const auto& field : fields->GetObject()) {
      RecordedModel record{index.name.GetString(), field.name.GetString(), text_of(field.value, "model"),
                           text_of(field.value, "fingerprint")};
      if (!record.model.empty() && !record.fingerprint.empty()) found.push_back(std::move(record));
    }
  }
  return found;
}

}  // namespace sightline::elastic
