#include "server/elastic/embedded/search/field_fetcher.h"

#include <unordered_set>

#include "base/json/builder.h"
#include "base/json/number.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/rest/decimal.h"

namespace sightline::elastic {
namespace {

/// A scalar as text, in Elasticsearch's form.
std::string text_of(const JsonView& value) {
  return value.is_number() ? json::java_number_text(value.text()) : std::string(value.text());
}

std::string json_integer(const Field& field, std::int64_t value) {
  if (field.type == FieldType::boolean) return value != 0 ? "true" : "false";
  return field.type == FieldType::date ? json::json_string(format_date(value, field.format)) : std::to_string(value);
}

/// Calls `visit` for the scalars at `path` below `value`, through arrays, objects and dotted keys.
template <class Visit>
void each_scalar(const JsonView& value, std::string_view path, const Visit& visit) {
  if (value.is_array()) {
    value.each_element([&](const JsonView& item) { each_scalar(item, path, visit); });
  } else if (path.empty()) {
    if (value.is_scalar()) visit(value);
  } else if (value.is_object()) {
    value.each_member([&](const JsonView& key, const JsonView& item) {
      const std::string_view name = key.text();
      if (!path.starts_with(name)) return;
      if (path.size() == name.size()) {
        each_scalar(item, {}, visit);
      } else if (path[name.size()] == '.') {
        each_scalar(item, path.substr(name.size() + 1), visit);
      }
    });
  }
}

/// The path of a field's values in the source: for a multi-field its parent's path.
std::string_view source_path(const Field& field) {
  const std::string_view path = field.path;
  return field.multi_field ? path.substr(0, path.rfind('.')) : path;
}

/// The values in the source, which also has those of before the field was mapped. Omits values that the field ignores,
/// and those that do not fit it.
std::vector<std::string> values_of(const Field& field, const JsonView& source) {
  std::vector<std::string> values;
  FieldValues read{field.path, field.type};
  each_scalar(source, source_path(field), [&](const JsonView& value) {
    if (field.type == FieldType::dense_vector) {
      const bool whole = value.text().find_first_of(".eE") == std::string_view::npos;
      if (value.is_number()) values.push_back(std::string(value.text()) + (whole ? ".0" : ""));
    } else if (field.type != FieldType::text && field.type != FieldType::binary && field.type != FieldType::keyword) {
      append_value(field, read, value.token());
    } else if (const std::string text = text_of(value);
               !field.ignore_above || utf16_length(text) <= *field.ignore_above) {
      values.push_back(json::json_string(text));
    }
  });
  for (const std::int64_t value : read.integers) values.push_back(json_integer(field, value));
  for (const double value : read.doubles) {
    std::string& text = values.emplace_back();
    field.type == FieldType::double_ ? append_decimal(text, value) : append_decimal(text, static_cast<float>(value));
  }
  return values;
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
      reads_vectors_ = reads_vectors_ || field->type == FieldType::dense_vector;
    }
  }
}

std::string FieldFetcher::fetch(Doc doc) const {
  const auto stored = shard_.index->fetch(shard_.memory().number(doc), reads_vectors_);
  const auto tape = rest::JsonTape::parse(stored ? std::string_view(stored->source) : std::string_view());
  if (!tape) throw StorageFailed{{ErrorCode::corrupt_data, "the stored source of a document is missing or no JSON"}};
  json::Builder fields;
  std::size_t bytes = 0;  // multi-fields repeat the values of their field
  for (const FieldPtr& field : wanted_) {
    check_cancelled();
    const std::vector<std::string> values = values_of(*field, JsonView(*tape, 0));
    if (values.empty()) continue;
    fields.array(field->path);
    for (const std::string& value : values) fields.value(json::Raw{value}), bytes += value.size();
    check_answer_room({}, bytes, limits_);
    fields.end();
  }
  return fields.text();
}

}  // namespace sightline::elastic
