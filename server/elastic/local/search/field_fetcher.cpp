#include "server/elastic/local/search/field_fetcher.h"

#include <algorithm>

#include "base/float_text.h"
#include "server/elastic/local/date.h"
#include "server/elastic/local/search/search_errors.h"

namespace sightline::elastic {
namespace {

/// Text and binary values are in the source alone; all others are in memory.
bool is_from_source(const Field& field) {
  return field.type == FieldType::text || field.type == FieldType::binary;
}

std::string json_text(std::string_view text) {
  std::string out;
  rest::append_json_string(out, text);
  return out;
}

std::string json_decimal(const Field& field, double value) {
  std::string out;
  field.type == FieldType::double_ ? append_decimal(out, value)
                                   : append_decimal(out, static_cast<float>(value));
  return out;
}

std::string json_integer(const Field& field, std::int64_t value, const std::string& format) {
  if (field.type == FieldType::boolean) return value != 0 ? "true" : "false";
  if (field.type == FieldType::date)
    return json_text(format_date(value, format.empty() ? field.format : format));
  return std::to_string(value);
}

/// Appends the scalars that stand at `path` below `value`, through arrays and objects, dotted keys too.
void collect(const JsonView& value, std::string_view path, std::vector<std::string>& values) {
  if (value.is_array()) {
    value.each_element([&](const JsonView& item) { collect(item, path, values); });
  } else if (path.empty()) {
    if (value.is_scalar()) values.push_back(json_text(value.is_bool() ? value.raw() : value.text()));
  } else if (value.is_object()) {
    value.each_member([&](const JsonView& key, const JsonView& item) {
      const std::string_view name = key.text();
      if (!path.starts_with(name)) return;
      if (path.size() == name.size()) {
        collect(item, {}, values);
      } else if (path[name.size()] == '.') {
        collect(item, path.substr(name.size() + 1), values);
      }
    });
  }
}

/// Where the source has the values of a field: a multi-field's are its parent's.
std::string_view source_path(const Field& field) {
  const std::string_view path = field.path;
  return field.multi_field ? path.substr(0, path.rfind('.')) : path;
}

}  // namespace

FieldFetcher::FieldFetcher(const ShardView& shard, const std::vector<FieldRequest>& requests)
    : shard_(shard) {
  for (const FieldRequest& request : requests) {
    if (!request.format.empty() && !is_date_format(request.format)) {
      refuse_shard("Invalid format: [" + request.format + "]: Unknown pattern");
    }
    const bool pattern = request.pattern.find('*') != std::string::npos;
    for (const FieldPtr& field : shard.mapping->expand(request.pattern)) {
      // Vectors are shown to those who name them, as in _source.
      if (pattern && field->type == FieldType::dense_vector) continue;
      const auto same =
          std::find_if(wanted_.begin(), wanted_.end(), [&](const Wanted& one) { return one.field == field; });
      if (same != wanted_.end()) continue;
      wanted_.push_back({field, request.format});
      needs_source_ = needs_source_ || is_from_source(*field);
    }
  }
}

Status FieldFetcher::append_values(const Wanted& wanted, Doc doc, const rest::JsonTape* source,
                                   std::vector<std::string>& values) const {
  const Field& field = *wanted.field;
  const MemoryIndex& memory = shard_.memory();
  if (is_from_source(field)) {
    if (source) collect(JsonView(*source, 0), source_path(field), values);
  } else if (field.type == FieldType::dense_vector) {
    auto vector = shard_.index->fetch_vector(memory.number(doc), field.path);
    if (!vector) return std::move(vector).error();
    for (const float x : *vector) append_decimal(values.emplace_back(), x);
  } else if (const KeywordColumn* keywords = memory.keyword(field.path)) {
    for (const auto term : keywords->of(doc)) values.push_back(json_text(keywords->text(term)));
  } else if (const IntegerColumn* integers = memory.integers(field.path)) {
    for (const auto value : integers->of(doc)) values.push_back(json_integer(field, value, wanted.format));
  } else if (const DoubleColumn* doubles = memory.doubles(field.path)) {
    for (const auto value : doubles->of(doc)) values.push_back(json_decimal(field, value));
  }
  return {};
}

Result<std::string> FieldFetcher::fields_json(Doc doc, std::string_view source) const {
  std::optional<rest::JsonTape> tape;
  if (needs_source_) {
    auto parsed = rest::JsonTape::parse(source);
    if (!parsed)
      return Error{ErrorCode::corrupt_data,
                   "the stored source of a document is no JSON: " + parsed.error().reason};
    tape = *std::move(parsed);
  }
  std::string out = "{";
  std::vector<std::string> values;
  for (const Wanted& wanted : wanted_) {
    values.clear();
    if (Status status = append_values(wanted, doc, tape ? &*tape : nullptr, values); !status)
      return status.error();
    if (values.empty()) continue;
    if (out.size() > 1) out += ',';
    rest::append_json_string(out, wanted.field->path);
    out += ":[";
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i != 0) out += ',';
      out += values[i];
    }
    out += ']';
  }
  return out + "}";
}

}  // namespace sightline::elastic
