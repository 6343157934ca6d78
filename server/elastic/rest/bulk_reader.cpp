#include "server/elastic/rest/bulk_reader.h"

#include <algorithm>
#include <array>
#include <rapidjson/document.h>

#include "base/json/document.h"
#include "base/json/writer.h"
#include "server/elastic/rest/document_id.h"
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
  if (json::is_text(value)) return "VALUE_STRING";
  if (value.IsNumber() || value.IsString()) return "VALUE_NUMBER";
  return value.IsBool() ? "VALUE_BOOLEAN" : "VALUE_NULL";
}

std::string plain_text(const rapidjson::Value& value) {
  return json::is_text(value) ? std::string(text_of(value)) : json::text_as_written(value);
}

bool is_blank(std::string_view line) {
  return json::without_byte_order_mark(line).find_first_not_of(" \t\r") == std::string_view::npos;
}

/// Stands for itself in a JSON string, and is no part of a longer UTF-8 sequence that would have to be
/// checked.
bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void take(BulkItem& item, std::string_view name, std::string_view value) {
  if (name == "_index") item.index = value;
  if (name == "_id") item.id = value;
  if (name == "routing") item.routing = value;
  if (name == "pipeline") item.pipeline = value;
  if (name == "op_type" && item.operation == "index" && value == "create") item.operation = "create";
  if (name == "if_seq_no") item.if_seq_no = value;
  if (name == "if_primary_term") item.if_primary_term = value;
  if (name == "_source") item.source = value;
  const bool changes_much = name.starts_with("version") || name == "dynamic_templates" || name == "routing";
  if (changes_much || (value == "true" && (name.starts_with("require_") || name == "list_executed_pipelines")))
    item.other = name;
}

/// Reads the usual action line, `{"index":{"_index":"a","_id":"1"}}`, at a fraction of what a JSON parser
/// costs: a bulk may have a hundred thousand of them. Whatever is not plain it leaves to the parser.
class PlainAction {
 public:
  PlainAction(std::string_view line, BulkItem& item) : rest_(line), item_(item) {}

  /// False: nothing can be said; the item is half read.
  bool read() {
    std::string_view operation;
    if (!skip('{') || !text(operation) || !skip(':') || !skip('{')) return false;
    item_.operation = operation;
    if (operation != "index" && operation != "create" && operation != "update" && operation != "delete")
      return false;
    if (!peek('}') && !members()) return false;
    return skip('}') && skip('}') && at_end();
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool peek(char c) {
    skip_blanks();
    return !rest_.empty() && rest_.front() == c;
  }
  bool skip(char c) {
    if (!peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }
  bool text(std::string_view& out) {
    if (!skip('"')) return false;
    std::size_t end = 0;
    while (end < rest_.size() && is_plain(rest_[end])) ++end;
    if (end == rest_.size() || rest_[end] != '"') return false;
    out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool whole_number(std::string_view& out) {
    std::size_t end = 0;
    while (end < rest_.size() && rest_[end] >= '0' && rest_[end] <= '9') ++end;
    if (end == 0 || (end > 1 && rest_.front() == '0')) return false;
    out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return true;
  }
  bool literal(std::string_view& out) {
    for (const std::string_view word : {"true", "false"}) {
      if (!rest_.starts_with(word)) continue;
      out = word;
      rest_.remove_prefix(word.size());
      return true;
    }
    return false;
  }
  bool members() {
    unsigned seen = 0;
    do {
      std::string_view name, value;
      if (!text(name) || !skip(':')) return false;
      const auto known = std::find(k_metadata.begin(), k_metadata.end(), name);
      if (known == k_metadata.end()) return false;
      const unsigned bit = 1u << (known - k_metadata.begin());
      if ((seen & bit) != 0) return false;
      seen |= bit;
      const bool is_read = peek('"') ? text(value) : whole_number(value) || literal(value);
      if (!is_read) return false;
      take(item_, name, value);
    } while (skip(','));
    return true;
  }

  std::string_view rest_;
  BulkItem& item_;
};

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
    if (!member.value.IsNull()) take(item, name, plain_text(member.value));
  }
  return {};
}

}  // namespace

std::string BulkItem::action_after_pipelines(const std::string& new_index,
                                             const std::optional<std::string>& new_id,
                                             const std::optional<std::string>& new_routing) const {
  rapidjson::StringBuffer buffer;
  json::AsWrittenWriter writer(buffer);
  writer.StartObject();
  writer.Key(operation.c_str());
  writer.StartObject();
  writer.Key("_index"), writer.String(new_index);
  if (new_id) writer.Key("_id"), writer.String(*new_id);
  if (new_routing) writer.Key("routing"), writer.String(*new_routing);
  writer.Key("pipeline"), writer.String(k_no_pipeline.data(), k_no_pipeline.size());
  const auto action = rest::parse_as_written(action_line);  // it was read before
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

Answer<std::optional<std::string_view>> BulkReader::next_line() {
  if (rest_.empty()) return std::optional<std::string_view>();
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos)
    return illegal_argument("The bulk request must be terminated by a newline [\\n]");
  std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  ++line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return std::optional(line);
}

Refusal BulkReader::read_action(std::string_view line) {
  const auto begin = [&] {
    item_ = BulkItem{};
    item_.index = default_index_;
    item_.action_line = line;
  };
  begin();
  if (PlainAction(line, item_).read()) return {};
  begin();
  const std::string where = "[" + std::to_string(line_) + "]";
  const auto malformed = [&](const std::string& what) {
    return illegal_argument("Malformed action/metadata line " + where + ", " + what);
  };
  const auto document = rest::parse_as_written(line);
  if (!document) return document.error();
  if (!document->IsObject())
    return malformed(std::string("expected START_OBJECT but found [") + token_of(*document) + "]");
  if (document->ObjectEmpty()) return malformed("expected FIELD_NAME but found [END_OBJECT]");
  const auto& action = *document->MemberBegin();
  item_.operation = text_of(action.name);
  if (item_.operation != "index" && item_.operation != "create" && item_.operation != "update" &&
      item_.operation != "delete") {
    return malformed("expected field [create], [delete], [index] or [update] but found [" + item_.operation +
                     "]");
  }
  if (!action.value.IsObject()) {
    return malformed(std::string("expected START_OBJECT but found [") + token_of(action.value) + "]");
  }
  if (document->MemberCount() > 1) return malformed("expected END_OBJECT but found [FIELD_NAME]");
  return read_metadata(item_, action.value, where);
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
