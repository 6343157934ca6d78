#include "server/elastic/recorded_models.h"

#include <rapidjson/document.h>

#include "base/json/document.h"
#include "base/json/members.h"
#include "server/elastic/caller.h"
#include "server/elastic/definitions/definition_index.h"

namespace sightline::elastic {

std::vector<RecordedModel> recorded_models(Store& store) {
  const http::Response answer = store.handle(store_request({}, http::Method::get, "/_mapping"));
  rapidjson::Document indices;
  if (answer.status != 200 || json::read_document(answer.body, indices) || !indices.IsObject()) return {};
  std::vector<RecordedModel> found;
  for (const auto& index : indices.GetObject()) {
    const auto& fields = json::member(index.value, "mappings", "_meta", "sightline");
    if (!fields.IsObject()) continue;
    for (const auto& field : fields.GetObject()) {
      RecordedModel record{index.name.GetString(), field.name.GetString(),
                           std::string(json::text_at(field.value, "model")),
                           std::string(json::text_at(field.value, "fingerprint"))};
      if (!record.model.empty() && !record.fingerprint.empty()) found.push_back(std::move(record));
    }
  }
  return found;
}

}  // namespace sightline::elastic
