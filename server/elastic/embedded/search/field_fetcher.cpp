#include "server/elastic/embedded/search/field_fetcher.h"

#include <unordered_set>

#include "base/json/builder.h"
#include "base/json/number.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/rest/decimal.h"

namespace sightline::elastic {
namespace {

/// Text and binary values are only in the source, and so are keywords in their original form. All others are in memory.
bool is_from_source(const Field& field) {
  return field.type == FieldType::text || field.type == FieldType::binary || field.type == FieldType::keyword;
}

/// A scalar as text, in Elasticsearch's form.
std::string text_of(const JsonView& value) {
  return value.is_number() ? json::java_number_text(value.text()) : std::string(value.text());
}

std::string json_integer(const Field& field, std::int64_t value) {
  if (field.type == FieldType::boolean) return value != 0 ? "true" : "false";
  return field.type == FieldType::date ? json::json_string(format_date(value, field.format)) : std::to_string(value);
}

/// Appends the scalars at `path` below `value`, through arrays, objects and dotted keys. Omits values that the field
/// ignores.
void collect(const JsonView& value, std::string_view path, const Field& field, std::vector<std::string>& values) {
  if (value.is_array()) {
    value.each_element([&](const JsonView& item) { collect(item, path, field, values); });
  } else if (path.empty()) {
    const std::string text = value.is_scalar() ? text_of(value) : std::string();
    if (value.is_scalar() && (!field.ignore_above || utf16_length(text) <= *field.ignore_above))
      values.push_back(json::json_string(text));
  } else if (value.is_object()) {
    value.each_member([&](const JsonView& key, const JsonView& item) {
      const std::string_view name = key.text();
      if (!path.starts_with(name)) return;
      if (path.size() == name.size()) {
        collect(item, {}, field, values);
      } else if (path[name.size()] == '.') {
        collect(item, path.substr(name.size() + 1), field, values);
      }
    });
  }
}

/// The path of a field's values in the source: for a multi-field its parent's path.
std::string_view source_path(const Field& field) {
  const std::string_view path = field.path;
  return field.multi_field ? path.substr(0, path.rfind('.')) : path;
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
      wanted_.push_back(field);
      reads_source_ = reads_source_ || is_from_source(*field);
    }
  }
}

std::vector<std::string> FieldFetcher::values_of(const Field& field, Doc doc, const rest::JsonTape* source) const {
  std::vector<std::string> values;
  const MemoryIndex& memory = shard_.memory();
  if (is_from_source(field)) {
    if (source) collect(JsonView(*source, 0), source_path(field), field, values);
  } else if (field.type == FieldType::dense_vector) {
    for (const float x : shard_.index->fetch_vector(memory.number(doc), field.path))
      append_decimal(values.emplace_back(), x);
  } else if (const IntegerColumn* integers = memory.integers(field.path)) {
    for (const auto value : integers->of(doc)) values.push_back(json_integer(field, value));
  } else if (const DoubleColumn* doubles = memory.doubles(field.path)) {
    const bool wide = field.type == FieldType::double_;
    for (const auto value : doubles->of(doc)) {
      std::string& text = values.emplace_back();
      wide ? append_decimal(text, value) : append_decimal(text, static_cast<float>(value));
    }
  }
  return values;
}

std::string FieldFetcher::fetch(Doc doc, std::string_view source) const {
  std::optional<rest::JsonTape> tape;
  if (reads_source_) {
    auto read = rest::JsonTape::parse(source);
    if (!read) throw StorageFailed{{ErrorCode::corrupt_data, "the stored source of a document is no JSON"}};
    tape = *std::move(read);
  }
  json::Builder fields;
  std::size_t bytes = 0;  // multi-fields repeat the values of their field
  for (const FieldPtr& field : wanted_) {
    check_cancelled();
    const std::vector<std::string> values = values_of(*field, doc, tape ? &*tape : nullptr);
    if (values.empty()) continue;
    fields.array(field->path);
    for (const std::string& value : values) fields.value(json::Raw{value}), bytes += value.size();
    check_answer_room({}, bytes, limits_);
    fields.end();
  }
  return fields.text();
}

}  // namespace sightline::elastic
