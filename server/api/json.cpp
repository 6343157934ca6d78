#include "server/api/json.h"

#include <algorithm>
#include <vector>

#include "base/json/document.h"

namespace sightline::api {
namespace {

/// What is wrong with a body, for its sender.
Error unreadable(const json::Fault& fault, const JsonLimits& limits) {
  using Kind = json::Fault::Kind;
  const std::string place = " (at byte " + std::to_string(fault.offset) + " of the body)";
  switch (fault.kind) {
    case Kind::too_deep:
      return {ErrorCode::too_large,
              "the body nests deeper than " + std::to_string(limits.max_depth) + " levels" + place};
    case Kind::too_many_values:
    case Kind::too_many_bytes:
      return {ErrorCode::too_large,
              "the body has more than " + std::to_string(limits.max_values) + " JSON values" + place + ": send less"};
    case Kind::invalid_utf8:
      return {ErrorCode::invalid_argument, "the body is not UTF-8" + place};
    default:
      return {ErrorCode::invalid_argument, "the body is not JSON: " + json::message(fault) + place};
  }
}

}  // namespace

Result<rapidjson::Document> parse_json(std::string_view text, const JsonLimits& limits) {
  rapidjson::Document document;
  const json::Limits bounds{.max_depth = limits.max_depth, .max_values = limits.max_values};
  if (const auto fault = json::read_document(text, document, bounds, json::Strings::borrowed))
    return unreadable(fault, limits);
  return document;
}

const char* type_name(const rapidjson::Value& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType:
      return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType:
      return "a boolean";
    case rapidjson::kObjectType:
      return "an object";
    case rapidjson::kArrayType:
      return "an array";
    case rapidjson::kStringType:
      return "a string";
    case rapidjson::kNumberType:
      return "a number";
  }
  return "something unknown";
}

FieldReader::FieldReader(const rapidjson::Value& body) : body_(body) {
  if (!body.IsObject()) {
    fail("", {ErrorCode::invalid_argument, std::string("the body must be a JSON object, not ") + type_name(body)});
    return;
  }
  std::vector<std::string_view> names;
  for (const auto& member : body.GetObject()) names.push_back(as_view(member.name));
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  fail(std::string(*twice), {ErrorCode::invalid_argument, "[" + std::string(*twice) + "] appears twice in the body"});
}

const rapidjson::Value* FieldReader::any(const char* name) const {
  if (!body_.IsObject()) return nullptr;
  const auto member = body_.FindMember(name);
  return member == body_.MemberEnd() || member->value.IsNull() ? nullptr : &member->value;
}

const rapidjson::Value* FieldReader::typed(const char* name, bool (rapidjson::Value::*is_type)() const,
                                           const char* type) {
  const rapidjson::Value* const value = any(name);
  if (!value || (value->*is_type)()) return value;
  fail(name,
       {ErrorCode::invalid_argument, std::string("[") + name + "] must be " + type + ", not " + type_name(*value)});
  return nullptr;
}

std::optional<std::string_view> FieldReader::string(const char* name) {
  const rapidjson::Value* const value = typed(name, &rapidjson::Value::IsString, "a string");
  return value ? std::optional(as_view(*value)) : std::nullopt;
}

std::optional<bool> FieldReader::boolean(const char* name) {
  const rapidjson::Value* const value = typed(name, &rapidjson::Value::IsBool, "true or false");
  return value ? std::optional(value->GetBool()) : std::nullopt;
}

const rapidjson::Value* FieldReader::array(const char* name) {
  return typed(name, &rapidjson::Value::IsArray, "an array");
}

const rapidjson::Value* FieldReader::object(const char* name) {
  return typed(name, &rapidjson::Value::IsObject, "an object");
}

std::optional<std::vector<std::string_view>> FieldReader::strings(const char* name) {
  const rapidjson::Value* const value = array(name);
  if (!value || value->Empty()) return std::nullopt;
  std::vector<std::string_view> all;
  for (const rapidjson::Value& one : value->GetArray()) {
    if (!one.IsString()) {
      fail(name, {ErrorCode::invalid_argument, std::string("[") + name + "] must contain only strings; at " +
                                                   std::to_string(all.size()) + " is " + type_name(one)});
      return std::nullopt;
    }
    all.push_back(as_view(one));
  }
  return all;
}

std::optional<std::int64_t> FieldReader::integer(const char* name) {
  const rapidjson::Value* value = any(name);
  if (!value) return std::nullopt;
  if (value->IsInt64()) return value->GetInt64();
  fail(name, {ErrorCode::invalid_argument, std::string("[") + name + "] must be a whole number"});
  return std::nullopt;
}

void FieldReader::fail(std::string field, Error error) {
  if (error_) return;
  error_ = std::move(error);
  field_ = std::move(field);
}

}  // namespace sightline::api
