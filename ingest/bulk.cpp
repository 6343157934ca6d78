#include "ingest/bulk.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json/builder.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "base/json/utf8.h"
#include "ingest/cluster.h"
#include "ingest/json_members.h"

namespace sightline::ingest {

namespace {

std::string action_line(const char* operation, const std::string& id, const StoredDocument& stored = {}) {
  json::Builder line;
  line.object().object(operation).member("_id", id);
  if (stored.sequence_number && stored.primary_term) {
    line.member("if_seq_no", *stored.sequence_number).member("if_primary_term", *stored.primary_term);
  }
  return line.text();
}

}  // namespace

void BulkDocument::write_anew() {
  action = action_line("index", id);
  fields = attributes;
}

void BulkDocument::write_over(const StoredDocument& stored) {
  action = action_line(stored.found ? "index" : "create", id, stored);
  std::vector<std::string> left_out = picture_fields;
  left_out.emplace_back("image_name");
  fields = merged_members(stored.members, attributes, left_out);
}

bool BulkDocument::changes(const StoredDocument& stored, bool needs_pictures) const {
  return !same_members(merged_members(stored.members, attributes), stored.members) ||
         changes_pictures(stored, needs_pictures);
}

bool BulkDocument::changes_pictures(const StoredDocument& stored, bool needs_pictures) const {
  const std::string held = std::string("{").append(stored.members).append("}");
  const auto members = members_of(held);
  if (!members) return true;
  std::size_t same = 0;
  for (const JsonMember& member : *members) {
    const bool is_picture =
        std::find(picture_fields.begin(), picture_fields.end(), member.name) != picture_fields.end();
    if (!is_picture) continue;
    const std::string held_picture = json::Builder().member(member.name, json::Raw{member.value}).text();
    if (pictures.find(held_picture) == std::string::npos) return true;
    ++same;
  }
  return needs_pictures && same < picture_fields.size();
}

bool BulkDocument::changes_any_of(const std::vector<std::string>& names, const StoredDocument& stored) const {
  const std::string brought = std::string("{").append(attributes).append("}");
  const auto members = members_of(brought);
  std::string ours;
  for (const JsonMember& member : members ? *members : std::vector<JsonMember>()) {
    if (std::find(names.begin(), names.end(), member.name) == names.end()) continue;
    ours = merged_members(ours, json::Builder().member(member.name, json::Raw{member.value}).text());
  }
  return !same_members(merged_members(stored.members, ours), stored.members);
}

void BulkDocument::append_lines(std::string& body) const {
  body.append(action).append("\n{").append(pictures);
  if (!fields.empty()) body.append(",").append(fields);
  body += "}\n";
}

BulkDocument make_document(std::string id, const std::string& name,
                           const std::vector<std::pair<std::string, std::string_view>>& pictures,
                           std::string_view attributes) {
  BulkDocument document;
  document.id = std::move(id);
  document.name = name;
  document.attributes = attributes;
  json::Builder members;
  members.member("image_name", name);
  for (const auto& [field, content] : pictures) {
    document.picture_fields.push_back(field);
    members.member(field, base64_encode(content));
  }
  document.pictures = members.text();
  return document;
}

BulkOutcome::Kind kind_of_status(int status) {
  if (status >= 200 && status < 300) return BulkOutcome::Kind::stored;
  if (status == 409) return BulkOutcome::Kind::conflict;
  const bool may_pass = status == 429 || status == 502 || status == 503 || status == 504;
  return may_pass ? BulkOutcome::Kind::retry : BulkOutcome::Kind::failed;
}

BulkOutcome::Kind kind_of_whole_bulk(int status) {
  if (status == 408 || status >= 500) return BulkOutcome::Kind::retry;
  const BulkOutcome::Kind kind = kind_of_status(status);
  return kind == BulkOutcome::Kind::stored ? BulkOutcome::Kind::failed : kind;
}

namespace {

bool is_operation(std::string_view name) {
  return name == "index" || name == "create" || name == "update" || name == "delete";
}

/// 0 if there is none: it is only for people.
std::chrono::milliseconds milliseconds_at(const rapidjson::Value& answer, const char* name) {
  const rapidjson::Value& took = json::member(answer, name);
  return std::chrono::milliseconds(took.IsUint() ? took.GetUint() : 0);
}

BulkOutcome outcome_of(const rapidjson::Value& result) {
  BulkOutcome outcome;
  if (const auto& status = json::member(result, "status"); status.IsInt()) outcome.status = status.GetInt();
  outcome.kind = kind_of_status(outcome.status);
  if (outcome.kind == BulkOutcome::Kind::stored && json::text_at(result, "result") == "noop")
    return {BulkOutcome::Kind::failed, outcome.status, "the pipeline dropped the document (processor drop)"};
  if (outcome.kind != BulkOutcome::Kind::stored) {
    const rapidjson::Value& error = json::member(result, "error");
    outcome.reason = error.IsNull() ? "status " + std::to_string(outcome.status) + " without a reason"
                                    : reason_of(json::text_of(error));
  }
  return outcome;
}

}  // namespace

Result<BulkAnswer> read_bulk_answer(const std::string& body, const std::vector<std::string>& ids) {
  rapidjson::Document document;
  json::read_document(body, document, k_document_json);
  const rapidjson::Value& items = json::member(document, "items");
  if (!items.IsArray() || items.Size() != ids.size()) {
    return Error{ErrorCode::unavailable,
                 "the answer to a bulk of " + std::to_string(ids.size()) +
                     " documents does not list them: " + std::string(json::first_bytes(body, 200))};
  }
  BulkAnswer answer{{}, milliseconds_at(document, "took"), milliseconds_at(document, "ingest_took")};
  std::vector<BulkOutcome>& outcomes = answer.outcomes;
  for (const auto& item : items.GetArray()) {
    if (!item.IsObject() || item.MemberCount() != 1 || !is_operation(item.MemberBegin()->name.GetString())) {
      return Error{ErrorCode::unavailable, "an item of a bulk's answer is not an object with one operation"};
    }
    const rapidjson::Value& result = item.MemberBegin()->value;
    const std::string& id = ids[outcomes.size()];
    if (const auto given = json::text_or_empty(json::member(result, "_id")); given != id) {
      return Error{ErrorCode::unavailable, "item " + std::to_string(outcomes.size()) +
                                               " of a bulk's answer is about [" + std::string(given.substr(0, 512)) +
                                               "], not about [" + id + "]"};
    }
    outcomes.push_back(outcome_of(result));
  }
  return answer;
}

}  // namespace sightline::ingest
