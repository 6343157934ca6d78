#include "ingest/index_fields.h"

#include <cstdint>
#include <optional>
#include <set>

#include "base/json/builder.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "base/number_text.h"

namespace sightline::ingest {
namespace {

using rapidjson::Value;

const char* mapping_of(FieldType type) {
  switch (type) {
    case FieldType::integer:
      return R"({"type":"long"})";
    case FieldType::decimal:
      return R"({"type":"double"})";
    case FieldType::boolean:
      return R"({"type":"boolean"})";
    case FieldType::date:
      return R"({"type":"date"})";
    case FieldType::text:
      break;
  }
  return R"({"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}})";
}

/// Where a mapping has a field, or an ancestor that is no object: then the field is its business.
struct Found {
  const Value* field = nullptr;  ///< null: the mapping lacks it
  bool is_ancestor = false;
};

Found find_field(const Value& mapping, std::string_view path) {
  const Value* level = &mapping;
  while (true) {
    const std::string_view name = path.substr(0, path.find('.'));
    level = &json::member(*level, "properties", name);
    if (level->IsNull()) return {};
    if (name.size() == path.size()) return {level, false};
    path.remove_prefix(name.size() + 1);
    const std::string_view type = json::text_at(*level, "type");
    if (!type.empty() && type != "object" && type != "nested") return {level, true};
  }
}

/// How wide a whole number a type takes; nothing for other types.
std::optional<std::pair<std::int64_t, std::int64_t>> range_of(std::string_view type) {
  if (type == "long") return std::pair{INT64_MIN, INT64_MAX};
  if (type == "unsigned_long") return std::pair{std::int64_t{0}, INT64_MAX};
  if (type == "integer") return std::pair<std::int64_t, std::int64_t>{INT32_MIN, INT32_MAX};
  if (type == "short") return std::pair<std::int64_t, std::int64_t>{INT16_MIN, INT16_MAX};
  if (type == "byte") return std::pair<std::int64_t, std::int64_t>{INT8_MIN, INT8_MAX};
  return std::nullopt;
}

bool is_decimal_type(std::string_view type) {
  return type == "float" || type == "double" || type == "half_float" || type == "scaled_float";
}

/// The kinds of value that a mapped type refuses.
std::vector<ValueKind> refused_kinds(std::string_view type, const Value& mapping) {
  using enum ValueKind;
  if (type == "long" || type == "integer" || type == "short" || type == "byte")
    return {text, boolean, date, beyond_long};
  if (type == "unsigned_long" || is_decimal_type(type)) return {text, boolean, date};
  if (type == "boolean") return {text, leading_zero, whole, beyond_long, decimal, date};
  if (type == "date" && !mapping.HasMember("format")) return {text, boolean, decimal, beyond_long};
  return {};
}

std::string shown(const FieldSurvey::Example& example) {
  return "line " + std::to_string(example.line) + ": \"" + example.value.substr(0, 40) + "\"";
}

/// What becomes of values that a mapped field does not take as they are; nothing if it takes all.
std::optional<std::string> misfit(const Attributes::Field& field, const Value& mapping) {
  const std::string_view type = json::text_at(mapping, "type");
  if (!json::member(mapping, "properties").IsNull())
    return "the index has an object in this field: Elasticsearch will refuse the documents";
  const FieldSurvey& survey = field.survey;
  const std::string mapped = "the index maps it as " + std::string(type);
  for (const ValueKind kind : refused_kinds(type, mapping)) {
    if (survey.has(kind)) return mapped + ": Elasticsearch will refuse values such as " + shown(survey.first(kind));
  }
  const auto range = range_of(type);
  if (!range) return std::nullopt;
  for (const FieldSurvey::Example* const example : {&survey.smallest(), &survey.largest()}) {
    const auto digits = json_of(example->value, FieldType::integer);  // without blanks
    const auto number = digits ? number_from<std::int64_t>(*digits) : std::nullopt;
    if (example->line > 0 && number && (*number < range->first || *number > range->second))
      return mapped + ": Elasticsearch will refuse values such as " + shown(*example);
  }
  if (survey.has(ValueKind::decimal))
    return mapped + ": searches and sums ignore the digits after the decimal point, such as in " +
           shown(survey.first(ValueKind::decimal));
  return std::nullopt;
}

bool takes_new_fields(const Value& mapping) {
  const Value& templates = json::member(mapping, "dynamic_templates");
  if (templates.IsArray() && !templates.Empty()) return false;
  const Value& dynamic = json::member(mapping, "dynamic");
  return dynamic.IsNull() || dynamic.IsTrue() || json::text_at(mapping, "dynamic") == "true";
}

bool is_strict(const Value& mapping) {
  return json::text_at(mapping, "dynamic") == "strict";
}

}  // namespace

IndexFields compare_with_mapping(std::string_view mapping, const std::vector<Attributes::Field>& fields,
                                 const std::vector<std::string>& binary_fields,
                                 const std::vector<std::string>& keyword_fields) {
  IndexFields result;
  rapidjson::Document document;
  if (json::read_document(mapping, document) || !document.IsObject()) return result;
  json::Builder properties;
  const auto add = [&](const std::string& name, std::string_view type) {
    if (takes_new_fields(document)) properties.member(name, json::Raw{type});
    if (is_strict(document)) {
      result.misfits.push_back({Note::Kind::misfit, name,
                                "the index does not have this field and accepts no new ones (dynamic: strict): "
                                "Elasticsearch will refuse the documents"});
    }
  };
  for (const std::string& name : binary_fields) {
    if (find_field(document, name).field == nullptr) add(name, R"({"type":"binary"})");
  }
  for (const std::string& name : keyword_fields) {
    if (find_field(document, name).field == nullptr) add(name, R"({"type":"keyword"})");
  }
  for (const Attributes::Field& field : fields) {
    const Found found = find_field(document, field.name);
    if (found.field == nullptr) {
      if (!field.is_vector) add(field.name, mapping_of(field.type));
    } else if (const auto reason = found.is_ancestor ? std::nullopt : misfit(field, *found.field)) {
      result.misfits.push_back({Note::Kind::misfit, field.name, *reason});
    }
  }
  const std::string made = properties.text();
  if (!made.empty()) result.new_properties = json::Builder().object().list(made).text();
  return result;
}

std::vector<std::string> vector_fields(std::string_view mapping) {
  rapidjson::Document document;
  if (json::read_document(mapping, document)) return {};
  std::set<std::string> found;
  std::vector<std::pair<std::string, const Value*>> levels{{"", &json::member(document, "properties")}};
  while (!levels.empty()) {
    const std::pair<std::string, const Value*> level = levels.back();
    levels.pop_back();
    if (!level.second->IsObject()) continue;
    for (const auto& field : level.second->GetObject()) {
      const std::string path = level.first + field.name.GetString();
      if (json::text_at(field.value, "type") == "dense_vector") found.insert(path);
      levels.emplace_back(path + ".", &json::member(field.value, "properties"));
    }
  }
  return {found.begin(), found.end()};
}

bool leaves_out_of_source(std::string_view mapping) {
  rapidjson::Document document;
  if (json::read_document(mapping, document)) return false;
  const Value& source = json::member(document, "_source");
  if (!source.IsObject()) return false;
  return source.HasMember("excludes") || source.HasMember("includes") || source.HasMember("enabled");
}

std::vector<std::string> demo_models(std::string_view mapping) {
  std::set<std::string> models;
  rapidjson::Document document;
  if (json::read_document(mapping, document)) return {};
  const Value& fields = json::member(document, "_meta", "sightline");
  if (!fields.IsObject()) return {};
  for (const auto& field : fields.GetObject()) {
    if (json::member(field.value, "demo").IsTrue()) models.emplace(json::text_at(field.value, "model"));
  }
  return {models.begin(), models.end()};
}

}  // namespace sightline::ingest
