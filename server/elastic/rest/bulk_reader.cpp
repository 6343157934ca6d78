#include "server/elastic/rest/bulk_reader.h"

#include <algorithm>
#include <array>

#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using rest::JsonTape;
using Kind = rest::JsonToken::Kind;

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

/// "expected START_OBJECT but found [VALUE_NULL]"
std::string expected(const std::string& what, std::string_view found) {
  return "expected " + what + " but found [" + std::string(found) + "]";
}

bool is_blank(std::string_view line) {
  return json::without_byte_order_mark(line).find_first_not_of(" \t\r") == std::string_view::npos;
}

void take(BulkItem& item, std::string_view name, std::string_view value) {
  if (name == "_index") item.index = value;
  if (name == "_id") item.id = value;
  if (name == "routing") item.routing = value;
  if (name == "pipeline") item.pipeline = value;
  if (name == "op_type" && item.operation == "index" && value == "create") item.operation = "create";
  if (name == "if_seq_no") item.if_seq_no = value;
  if (name == "if_primary_term") item.if_primary_term = value;
  if (name == "retry_on_conflict") item.retry_on_conflict = value;
  if (name == "_source") item.source = value;
  const bool changes_much = name.starts_with("version") || name == "dynamic_templates" || name == "routing";
  if (changes_much || (value == "true" && (name.starts_with("require_") || name == "list_executed_pipelines")))
    item.other = name;
}

/// Reads the members of the object at `metadata`.
Refusal read_metadata(BulkItem& item, const JsonTape& tape, std::size_t metadata, std::size_t line) {
  const auto where = [line] { return "[" + std::to_string(line) + "]"; };
  for (std::size_t key = metadata + 1; key < tape[metadata].next; key = tape[key + 1].next) {
    const std::string_view name = tape[key].text;
    const Kind kind = tape[key + 1].kind;
    if (std::find(k_metadata.begin(), k_metadata.end(), name) == k_metadata.end()) {
      return illegal_argument("Action/metadata line " + where() + " contains an unknown parameter [" +
                              std::string(name) + "]");
    }
    const bool is_nested = kind == Kind::array || kind == Kind::object;
    if (is_nested && name != "_source" && name != "dynamic_templates") {
      const std::string simple = "a simple value for field [" + std::string(name) + "]";
      return illegal_argument("Malformed action/metadata line " + where() + ", " +
                              expected(simple, rest::event_name(kind)));
    }
    if (kind != Kind::null) take(item, name, is_nested ? tape.raw(key + 1) : tape[key + 1].text);
  }
  return {};
}

}  // namespace

std::string BulkItem::action_after_pipelines(const std::string& new_index, const std::optional<std::string>& new_id,
                                             const std::optional<std::string>& new_routing) const {
  std::string json = "{\"" + operation + "\":{\"_index\":";
  const auto add = [&json](std::string_view name, const std::optional<std::string>& value) {
    if (!value) return;
    json.append(",\"").append(name).append("\":");
    rest::append_json_string(json, *value);
  };
  rest::append_json_string(json, new_index);
  add("_id", new_id);
  add("routing", new_routing);
  add("pipeline", std::string(k_no_pipeline));
  const auto tape = JsonTape::parse(action_line);  // it was read before
  constexpr std::size_t k_action = 2;              // behind the root and the operation's name
  for (std::size_t key = k_action + 1; key < (*tape)[k_action].next; key = (*tape)[key + 1].next) {
    const auto name = (*tape)[key].text;
    if (name == "_index" || name == "_id" || name == "routing" || name == "pipeline" || name == "op_type") continue;
    json.append(",").append(tape->raw(key)).append(":").append(tape->raw(key + 1));
  }
  return json + "}}";
}

Answer<std::optional<std::string_view>> BulkReader::next_line() {
  if (rest_.empty()) return std::optional<std::string_view>();
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos) return illegal_argument("The bulk request must be terminated by a newline [\\n]");
  std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  ++line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return std::optional(line);
}

Refusal BulkReader::read_action(std::string_view line) {
  item_ = BulkItem{};
  item_.index = default_index_;
  item_.action_line = line;
  const auto malformed = [&](const std::string& what) {
    return illegal_argument("Malformed action/metadata line [" + std::to_string(line_) + "], " + what);
  };
  const auto tape = JsonTape::parse(line);
  if (!tape) return tape.error();
  const auto& root = (*tape)[0];
  if (root.kind != Kind::object) return malformed(expected("START_OBJECT", rest::event_name(root.kind)));
  if (root.size == 0) return malformed(expected("FIELD_NAME", "END_OBJECT"));
  item_.operation = (*tape)[1].text;
  if (item_.operation != "index" && item_.operation != "create" && item_.operation != "update" &&
      item_.operation != "delete") {
    return malformed(expected("field [create], [delete], [index] or [update]", item_.operation));
  }
  if ((*tape)[2].kind != Kind::object) return malformed(expected("START_OBJECT", rest::event_name((*tape)[2].kind)));
  if (root.size > 1) return malformed(expected("END_OBJECT", "FIELD_NAME"));
  return read_metadata(item_, *tape, 2, line_);
}

Answer<const BulkItem*> BulkReader::next() {
  while (true) {
    auto line = next_line();
    if (!line) return line.error();
    if (!*line) break;
    if (is_blank(**line)) continue;
    if (Refusal refusal = read_action(**line)) return *refusal;
    if (item_.index.empty()) return validation_failed("index is missing");
    if (const auto problem = rest::id_problem(item_.id.value_or("")); problem && item_.operation != "delete")
      return validation_failed(*problem);
    if (item_.operation != "delete") {
      auto source = next_line();
      if (!source) return source.error();
      if (!*source) break;  // an action without its document at the end is passed over
      item_.source_line = **source;
    }
    any_ = true;
    return &std::as_const(item_);
  }
  if (line_ == 0) return ElasticError{400, "parse_exception", "request body is required"};
  if (!any_) return validation_failed("no requests added");
  return static_cast<const BulkItem*>(nullptr);
}

}  // namespace sightline::elastic
