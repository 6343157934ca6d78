#include "server/elastic/embedded/search/field_fetcher.h"

#include <map>
#include <unordered_set>

#include "base/json/builder.h"
#include "base/json/number.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/rest/decimal.h"

namespace sightline::elastic {
namespace {

/// The node of a member of an object, whose name may have dots; null if there is none.
const MappingNode* node_below(const MappingNode* node, std::string_view name) {
  while (node) {
    const std::size_t dot = name.find('.');
    const auto child = node->children.find(std::string(name.substr(0, dot)));
    node = child == node->children.end() ? nullptr : &child->second;
    if (dot == name.npos) break;
    name.remove_prefix(dot + 1);
  }
  return node;
}

/// Calls `visit(field, scalar)` for the scalars of `value` that belong to fields at `node` or below it.
template <class Visit>
void each_scalar(const JsonView& value, const MappingNode& node, const Visit& visit) {
  check_cancelled();
  if (value.is_array()) {
    value.each_element([&](const JsonView& item) { each_scalar(item, node, visit); });
  } else if (value.is_object()) {
    value.each_member([&](const JsonView& key, const JsonView& item) {
      if (const MappingNode* child = node_below(&node, key.text())) each_scalar(item, *child, visit);
    });
  } else if (node.field && value.is_scalar()) {
    visit(*node.field, value);
  }
}

/// A value of the source as JSON; empty if the field ignores it or if it does not fit the field, which may have been
/// mapped later.
std::string json_value(const Field& field, const JsonView& value) {
  if (field.type == FieldType::dense_vector) {
    const bool whole = value.text().find_first_of(".eE") == std::string_view::npos;
    return value.is_number() ? std::string(value.text()) + (whole ? ".0" : "") : "";
  }
  if (field.type == FieldType::text || field.type == FieldType::binary || field.type == FieldType::keyword) {
    const std::string text = value.is_number() ? json::java_number_text(value.text()) : std::string(value.text());
    return field.ignore_above && utf16_length(text) > *field.ignore_above ? "" : json::json_string(text);
  }
  FieldValues read;
  read.type = field.type;
  append_value(field, read, value.token());
  if (!read.integers.empty()) {
    const std::int64_t number = read.integers.front();
    if (field.type == FieldType::boolean) return number != 0 ? "true" : "false";
    return field.type == FieldType::date ? json::json_string(format_date(number, field.format))
                                         : std::to_string(number);
  }
  std::string text;
  for (const double number : read.doubles) {
    field.type == FieldType::double_ ? append_decimal(text, number) : append_decimal(text, static_cast<float>(number));
  }
  return text;
}

}  // namespace

FieldFetcher::FieldFetcher(const ShardView& shard, const std::vector<std::string>& patterns, const Limits& limits)
    : shard_(shard), limits_(limits) {
  std::unordered_set<std::string_view> done;
  std::unordered_set<FieldPtr> known;
  for (const std::string& pattern : patterns) {
    if (!done.insert(pattern).second) continue;
    for (const FieldPtr& field : shard.expand(pattern)) {
      if (!known.insert(field).second) continue;
      const std::string_view path = field->path;  // of a multi-field, whose values are its parent's
      const FieldPtr sent = field->multi_field ? shard.mapping->find(path.substr(0, path.rfind('.'))) : field;
      places_[sent.get()].push_back(wanted_.size());
      wanted_.push_back(field);
      reads_vectors_ = reads_vectors_ || field->type == FieldType::dense_vector;
    }
  }
}

std::string FieldFetcher::fetch(Doc doc) const {
  const auto stored = shard_.index->fetch(shard_.memory().number(doc), reads_vectors_);
  const auto tape = rest::JsonTape::parse(stored ? std::string_view(stored->source) : std::string_view());
  if (!tape) throw StorageFailed{{ErrorCode::corrupt_data, "the stored source of a document is missing or no JSON"}};
  std::map<std::size_t, std::string> found;  // values as a list, by the place of their field in wanted_
  std::size_t bytes = 0;                     // multi-fields repeat the values of their field
  each_scalar(JsonView(*tape, 0), shard_.mapping->root(), [&](const Field& field, const JsonView& value) {
    const auto places = places_.find(&field);
    if (places == places_.end()) return;
    for (const std::size_t place : places->second) {
      const std::string json = json_value(*wanted_[place], value);
      if (json.empty()) continue;
      std::string& values = found[place];
      values.append(values.empty() ? "" : ",").append(json);
      check_answer_room({}, bytes += json.size(), limits_);
    }
  });
  json::Builder fields;
  for (const auto& [place, values] : found) fields.array(wanted_[place]->path).list(values).end();
  return fields.text();
}

}  // namespace sightline::elastic
