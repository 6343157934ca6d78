#include "server/elastic/pipelines/property_reader.h"

#include "base/json/document.h"
#include "server/elastic/pipelines/processor.h"

namespace sightline::elastic {

ElasticError property_error(std::string_view property, const std::string& what, std::string_view type,
                            std::string_view tag) {
  ElasticError error{400, "parse_exception", property.empty() ? what : "[" + std::string(property) + "] " + what};
  if (!property.empty()) error.details.emplace_back("property_name", property);
  if (!type.empty()) error.details.emplace_back("processor_type", type);
  if (!tag.empty()) error.details.emplace_back("processor_tag", tag);
  return error;
}

void PropertyReader::refuse(ElasticError error) {
  if (!refusal_) refusal_ = std::move(error);
}

void PropertyReader::refuse(std::string_view name, const std::string& what) {
  refuse(property_error(name, what, type_, tag_));
}

const rapidjson::Value* PropertyReader::take(std::string_view name) {
  taken_.emplace(name);
  const rapidjson::Value key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  const auto found = object_.FindMember(key);
  return found == object_.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::optional<std::string> PropertyReader::optional_string(std::string_view name) {
  const auto* value = take(name);
  if (!value) return {};
  if (!json::is_text(*value)) {
    refuse(name, "property isn't a string, but of type [" + std::string(java_class(*value)) + "]");
    return {};
  }
  return std::string(value->GetString(), value->GetStringLength());
}

std::string PropertyReader::string(std::string_view name) {
  if (!take(name)) refuse(name, "required property is missing");
  return optional_string(name).value_or("");
}

bool PropertyReader::boolean(std::string_view name, bool otherwise) {
  const auto* value = take(name);
  if (!value) return otherwise;
  if (!value->IsBool()) {
    refuse(name, "property isn't a boolean, but of type [" + std::string(java_class(*value)) + "]");
    return otherwise;
  }
  return value->GetBool();
}

const rapidjson::Value* PropertyReader::optional_list(std::string_view name) {
  const auto* value = take(name);
  if (value && !value->IsArray()) {
    refuse(name, "property isn't a list, but of type [" + std::string(java_class(*value)) + "]");
    return nullptr;
  }
  return value;
}

Template PropertyReader::compile(std::string_view name, std::string_view text) {
  auto compiled = Template::compile(text);
  if (compiled) return std::move(*compiled);
  refuse(name, compiled.error().reason);
  return {};
}

Template PropertyReader::text_template(std::string_view name) {
  return compile(name, string(name));
}

std::string PropertyReader::left_over() const {
  std::string names;
  for (const auto& member : object_.GetObject()) {
    const std::string name(member.name.GetString(), member.name.GetStringLength());
    if (!taken_.contains(name)) names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? names : "[" + names + "]";
}

}  // namespace sightline::elastic
