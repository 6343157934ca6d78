#include "server/elastic/inference/settings_reader.h"

#include <algorithm>

#include "base/ascii_lower.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "base/json/number.h"
#include "base/json/writer.h"

namespace sightline::elastic {
namespace {

std::string member_text(const rapidjson::Value& name, const rapidjson::Value& value) {
  return std::string(json::text_or_empty(name)) + "=" + java_text(value);
}

}  // namespace

std::string java_text(const rapidjson::Value& value) {
  if (const auto number = json::written_number(value)) return json::java_number_text(*number);
  if (value.IsString()) return std::string(json::text_or_empty(value));
  std::string text;
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      text += (text.empty() ? "" : ", ") + member_text(member.name, member.value);
    }
    return "{" + text + "}";
  }
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) text += (text.empty() ? "" : ", ") + java_text(item);
    return "[" + text + "]";
  }
  return value.IsDouble() ? json::java_number_text(json::text_of(value)) : json::text_of(value);
}

ElasticError ValidationFaults::error() const {
  std::string reason = "Validation Failed: ";
  for (std::size_t i = 0; i < faults_.size(); ++i) reason += std::to_string(i + 1) + ": " + faults_[i] + ";";
  return {400, "validation_exception", std::move(reason)};
}

const rapidjson::Value* SettingsReader::take(std::string_view key) {
  taken_.emplace(key);
  const auto found = object_.FindMember(
      rapidjson::Value(rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size()))));
  if (found == object_.MemberEnd() || found->value.IsNull()) return nullptr;
  return &found->value;
}

void SettingsReader::wrong_kind(std::string_view key, const rapidjson::Value& value, std::string_view expected) {
  faults_.add("field [" + std::string(key) + "] is not of the expected type. The value [" + java_text(value) +
              "] cannot be converted to a [" + std::string(expected) + "]");
}

std::optional<std::string> SettingsReader::optional_string(std::string_view key, bool may_be_empty) {
  const auto* value = take(key);
  if (!value) return {};
  if (!value->IsString()) return wrong_kind(key, *value, "String"), std::nullopt;
  if (!may_be_empty && value->GetStringLength() == 0) {
    faults_.add("[" + scope_ + "] Invalid value empty string. [" + std::string(key) + "] must be a non-empty string");
    return {};
  }
  return std::string(json::text_or_empty(*value));
}

std::optional<std::string> SettingsReader::required_string(std::string_view key) {
  if (!take(key)) {
    faults_.add("[" + scope_ + "] does not contain the required setting [" + std::string(key) + "]");
    return {};
  }
  return optional_string(key);
}

std::optional<std::string> SettingsReader::secret_string(std::string_view key) {
  const auto* value = take(key);
  if (!value || value->IsString()) return optional_string(key);
  faults_.add("field [" + std::string(key) + "] is not of the expected type [String]");
  return {};
}

std::optional<int> SettingsReader::integer(std::string_view key) {
  const auto* value = take(key);
  if (!value) return {};
  if (!value->IsInt()) return wrong_kind(key, *value, "Integer"), std::nullopt;
  return value->GetInt();
}

std::optional<bool> SettingsReader::flag(std::string_view key) {
  const auto* value = take(key);
  if (!value) return {};
  if (!value->IsBool()) return wrong_kind(key, *value, "Boolean"), std::nullopt;
  return value->GetBool();
}

std::optional<int> SettingsReader::positive_integer(std::string_view key) {
  const auto number = integer(key);
  if (number && *number <= 0) {
    faults_.add("[" + scope_ + "] Invalid value [" + std::to_string(*number) + "]. [" + std::string(key) +
                "] must be a positive integer");
    return {};
  }
  return number;
}

std::optional<std::string> SettingsReader::choice(std::string_view key, const std::vector<std::string>& allowed) {
  const auto text = optional_string(key);
  if (!text) return {};
  const std::string word = ascii_lower(*text);
  if (std::find(allowed.begin(), allowed.end(), word) != allowed.end()) return word;
  std::string list;
  for (const auto& one : allowed) list += (list.empty() ? "" : ", ") + one;
  faults_.add("[" + scope_ + "] Invalid value [" + *text + "] received. [" + std::string(key) + "] must be one of [" +
              list + "]");
  return {};
}

const rapidjson::Value* SettingsReader::optional_object(std::string_view key) {
  const auto* value = take(key);
  if (value && !value->IsObject()) return wrong_kind(key, *value, "Map"), nullptr;
  return value;
}

const rapidjson::Value* SettingsReader::required_object(std::string_view key) {
  if (!take(key)) {
    faults_.add("[" + scope_ + "] does not contain the required setting [" + std::string(key) + "]");
    return nullptr;
  }
  return optional_object(key);
}

StringPairs SettingsReader::string_map(std::string_view key, bool secret) {
  StringPairs pairs;
  if (const auto* value = take(key); secret && value && !value->IsObject()) {
    faults_.add("field [" + std::string(key) + "] is not of the expected type [Map]");
    return pairs;
  }
  const auto* object = optional_object(key);
  if (!object) return pairs;
  if (object->MemberCount() > k_max_pairs) {
    faults_.add("Map field [" + std::string(key) + "] has [" + std::to_string(object->MemberCount()) +
                "] entries, the limit is [" + std::to_string(k_max_pairs) + "]");
    return pairs;
  }
  for (const auto& member : object->GetObject()) {
    if (member.value.IsNull()) continue;
    if (!member.value.IsString()) {
      const std::string text = secret ? "hidden" : java_text(member.value).substr(0, 256);
      faults_.add("Map field [" + std::string(key) + "] has an entry that is not valid, [" +
                  std::string(json::text_or_empty(member.name)) + " => " + text + "]. Value type of [" + text +
                  "] is not one of [String].");
      continue;
    }
    pairs.emplace_back(json::text_or_empty(member.name), json::text_or_empty(member.value));
  }
  return pairs;
}

std::string SettingsReader::left_over() const {
  std::string text;
  for (const auto& member : object_.GetObject()) {
    if (taken_.contains(json::text_or_empty(member.name))) continue;
    text += (text.empty() ? "" : ", ") + member_text(member.name, member.value);
  }
  return text.empty() ? text : "{" + text + "}";
}

}  // namespace sightline::elastic
