#include "ingest/bulk.h"

#include "base/base64.h"
#include "base/json/document.h"
#include "base/json/writer.h"
#include "base/sha256.h"
#include "ingest/cluster.h"

namespace sightline::ingest {

BulkDocument make_document(const std::string& name, std::string_view content, std::string_view attributes) {
  BulkDocument document{sha256_hex(content), name, {}};
  document.lines = "{\"index\":{\"_id\":\"" + document.id + "\"}}\n{\"image_name\":";
  json::append_json_string(document.lines, name);
  if (!attributes.empty()) document.lines.append(",").append(attributes);
  document.lines += ",\"image_data\":\"";
  document.lines += base64_encode(content);
  document.lines += "\"}\n";
  return document;
}

BulkOutcome::Kind kind_of_status(int status) {
  if (status >= 200 && status < 300) return BulkOutcome::Kind::stored;
  const bool may_pass = status == 429 || status == 502 || status == 503 || status == 504;
  return may_pass ? BulkOutcome::Kind::retry : BulkOutcome::Kind::failed;
}

Result<std::vector<BulkOutcome>> read_bulk_answer(const std::string& body, std::size_t expected) {
  rapidjson::Document document;
  if (json::read_document(body, document) || !document.IsObject() ||
      !document.HasMember("items") || !document["items"].IsArray() || document["items"].Size() != expected) {
    return Error{ErrorCode::unavailable, "the answer to a bulk of " + std::to_string(expected) +
                                             " documents does not list them: " + body.substr(0, 200)};
  }
  std::vector<BulkOutcome> outcomes;
  for (const auto& item : document["items"].GetArray()) {
    if (!item.IsObject() || item.MemberCount() != 1 || !item.MemberBegin()->value.IsObject()) {
      return Error{ErrorCode::unavailable, "an item of a bulk's answer is not an object with one operation"};
    }
    const rapidjson::Value& result = item.MemberBegin()->value;
    BulkOutcome outcome;
    if (result.HasMember("status") && result["status"].IsInt()) outcome.status = result["status"].GetInt();
    outcome.kind = kind_of_status(outcome.status);
    if (outcome.kind != BulkOutcome::Kind::stored) {
      if (result.HasMember("error")) {
        outcome.reason = reason_of(json::text_of(result["error"]));
      } else {
        outcome.reason = "status " + std::to_string(outcome.status) + " without a reason";
      }
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace sightline::ingest
