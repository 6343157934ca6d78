#include "server/elastic/bulk_request.h"

#include <algorithm>
#include <array>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr std::array<std::string_view, 16> k_metadata{"_index",
                                                      "_id",
                                                      "routing",
                                                      "pipeline",
                                                      "if_seq_no",
                                                      "if_primary_term",
                                                      "version",
                                                      "version_type",
                                                      "op_type",
                                                      "retry_on_conflict",
                                                      "require_alias",
                                                      "require_data_stream",
                                                      "dynamic_templates",
                                                      "list_executed_pipelines",
                                                      "_source",
                                                      "include_source_on_error"};

ElasticError validation_failed(const std::string& what) {
  return {400, "action_request_validation_exception", "Validation Failed: 1: " + what + ";"};
}

std::string_view text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

const char* token_of(const rapidjson::Value& value) {
  if (value.IsArray()) return "START_ARRAY";
  if (value.IsObject()) return "START_OBJECT";
  if (value.IsString()) return "VALUE_STRING";
  if (value.IsNumber()) return "VALUE_NUMBER";
  return value.IsBool() ? "VALUE_BOOLEAN" : "VALUE_NULL";
}

std::string plain_text(const rapidjson::Value& value) {
  if (value.IsString()) return std::string(text_of(value));
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

/// Takes the next line off the body; nothing at its end.
Answer<std::optional<std::string_view>> next_line(std::string_view& rest) {
  if (rest.empty()) return std::optional<std::string_view>();
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos)
    return illegal_argument("The bulk request must be terminated by a newline [\\n]");
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return std::optional(line);
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

Refusal read_metadata(BulkItem& item, const rapidjson::Value& metadata, const std::string& where) {
  for (const auto& member : metadata.GetObject()) {
    const auto name = text_of(member.name);
    if (std::find(k_metadata.begin(), k_metadata.end(), name) == k_metadata.end()) {
      return illegal_argument("Action/metadata line " + where + " contains an unknown parameter [" +
                              std::string(name) + "]");
    }
    const bool may_be_nested = name == "_source" || name == "dynamic_templates";
    if ((member.value.IsArray() || member.value.IsObject()) && !may_be_nested) {
      return illegal_argument("Malformed action/metadata line " + where +
                              ", expected a simple value for field [" + std::string(name) + "] but found [" +
                              token_of(member.value) + "]");
    }
    if (member.value.IsNull()) continue;
    if (name == "_index") item.index = plain_text(member.value);
    if (name == "_id") item.id = plain_text(member.value);
    if (name == "routing") item.routing = plain_text(member.value);
    if (name == "pipeline") item.pipeline = plain_text(member.value);
    if (name == "op_type" && item.operation == "index" && plain_text(member.value) == "create")
      item.operation = "create";
  }
  return {};
}

Answer<BulkItem> read_action(std::string_view line, std::size_t number, const std::string& default_index) {
  const std::string where = "[" + std::to_string(number) + "]";
  auto document = rest::parse_json(line);
  if (!document) return document.error();
  const auto malformed = [&](const std::string& what) {
    return illegal_argument("Malformed action/metadata line " + where + ", " + what);
  };
  if (!document->IsObject())
    return malformed(std::string("expected START_OBJECT but found [") + token_of(*document) + "]");
  if (document->ObjectEmpty()) return malformed("expected FIELD_NAME but found [END_OBJECT]");
  const auto& action = *document->MemberBegin();
  BulkItem item;
  item.operation = text_of(action.name);
  item.index = default_index;
  item.action_line = line;
  if (item.operation != "index" && item.operation != "create" && item.operation != "update" &&
      item.operation != "delete") {
    return malformed("expected field [create], [delete], [index] or [update] but found [" + item.operation +
                     "]");
  }
  if (!action.value.IsObject()) {
    return malformed(std::string("expected START_OBJECT but found [") + token_of(action.value) + "]");
  }
  if (document->MemberCount() > 1) return malformed("expected END_OBJECT but found [FIELD_NAME]");
  if (Refusal refusal = read_metadata(item, action.value, where)) return *refusal;
  if (item.index.empty()) return validation_failed("index is missing");
  return item;
}

}  // namespace

std::string BulkItem::action_json(const std::string& new_index, const std::optional<std::string>& new_id,
                                  const std::optional<std::string>& new_routing) const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key(operation.c_str());
  writer.StartObject();
  writer.Key("_index"), writer.String(new_index);
  if (new_id) writer.Key("_id"), writer.String(*new_id);
  if (new_routing) writer.Key("routing"), writer.String(*new_routing);
  const auto action = rest::parse_json(action_line);  // it was read before
  for (const auto& member : action->MemberBegin()->value.GetObject()) {
    const auto name = text_of(member.name);
    if (name == "_index" || name == "_id" || name == "routing" || name == "pipeline" || name == "op_type")
      continue;
    writer.Key(member.name.GetString(), member.name.GetStringLength());
    member.value.Accept(writer);
  }
  writer.EndObject();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Answer<std::vector<BulkItem>> parse_bulk(std::string_view body, const std::string& default_index) {
  if (body.empty()) return ElasticError{400, "parse_exception", "request body is required"};
  std::vector<BulkItem> items;
  std::size_t number = 0;
  while (true) {
    auto line = next_line(body);
    if (!line) return line.error();
    if (!*line) break;
    ++number;
    if (is_blank(**line)) continue;
    auto item = read_action(**line, number, default_index);
    if (!item) return item.error();
    if (item->operation != "delete") {
      auto source = next_line(body);
      if (!source) return source.error();
      if (!*source) break;  // an action without its document at the end is passed over
      ++number;
      item->source_line = **source;
    }
    items.push_back(std::move(*item));
  }
  if (items.empty()) return validation_failed("no requests added");
  return items;
}

}  // namespace sightline::elastic
