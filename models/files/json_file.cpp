#include "models/files/json_file.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <span>
#include <utility>

#include "base/json/document.h"
#include "models/files/file.h"

namespace sightline::models {
namespace {

// Enough for a tokenizer of 256,000 tokens and as many merges, with their properties.
constexpr json::Limits k_limits{.max_values = 20'000'000};

/// The value as JSON in ASCII, shortened for a message.
std::string shown(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::ASCII<>> writer(buffer);
  if (value.IsObject()) return "an object";
  if (value.IsArray()) return "an array";
  value.Accept(writer);
  const std::string text = buffer.GetString();
  return text.size() <= 60 ? text : text.substr(0, 60) + "...";
}

/// 0.1 as "0.1", 1e-05 as "1e-05", 64 as "64".
std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace

Result<std::string> read_text_file(const std::filesystem::path& file, std::size_t max_bytes) {
  const auto opened = File::open(file);
  if (!opened) return opened.error();
  const std::uint64_t size = (*opened)->size();
  if (size > max_bytes) {
    return Error{ErrorCode::too_large, file.string() + " has " + std::to_string(size) + " bytes; at most " +
                                           std::to_string(max_bytes) + " are read"};
  }
  std::string text(size, '\0');
  if (Status read = (*opened)->read(0, std::as_writable_bytes(std::span(text))); !read) return read.error();
  return text;
}

Result<JsonFile> JsonFile::parse(const std::filesystem::path& file, std::size_t max_bytes) {
  const Result<std::string> text = read_text_file(file, max_bytes);
  if (!text) return text.error();
  JsonFile result;
  result.path_ = file;
  result.document_ = std::make_unique<rapidjson::Document>();
  if (const json::Fault fault = json::read_document(*text, *result.document_, k_limits)) {
    return Error{ErrorCode::corrupt_data, file.string() + " is not JSON in UTF-8: " + json::message(fault, k_limits) +
                                              ", at byte " + std::to_string(fault.offset)};
  }
  if (const rapidjson::Value* name = json::find_duplicate_name(*result.document_)) {
    return Error{ErrorCode::corrupt_data, file.string() + " has the key " + shown(*name) +
                                              " twice in one object, so its value is not clear; delete one of them"};
  }
  return result;
}

Result<JsonFile> JsonFile::read(const std::filesystem::path& file, std::size_t max_bytes) {
  Result<JsonFile> result = parse(file, max_bytes);
  if (!result || result->root().IsObject()) return result;
  return Error{ErrorCode::corrupt_data, file.string() + " does not hold a JSON object"};
}

Result<JsonFile> JsonFile::read_list(const std::filesystem::path& file, std::size_t max_bytes) {
  Result<JsonFile> result = parse(file, max_bytes);
  if (!result || result->root().IsArray()) return result;
  return Error{ErrorCode::corrupt_data, file.string() + " does not hold a JSON list"};
}

const rapidjson::Value* given_member(const rapidjson::Value& object, const char* key) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(key);
  return found == object.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::string_view text_member(const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = given_member(object, key);
  return value != nullptr && value->IsString() ? std::string_view(value->GetString(), value->GetStringLength())
                                               : std::string_view();
}

bool bool_member(const rapidjson::Value& object, const char* key, bool otherwise) {
  const rapidjson::Value* value = given_member(object, key);
  return value != nullptr && value->IsBool() ? value->GetBool() : otherwise;
}

ObjectReader::ObjectReader(const rapidjson::Value* object, std::string place)
    : object_(object), place_(std::move(place)) {
  if (object_ != nullptr && !object_->IsObject()) {
    status_ = Error{ErrorCode::corrupt_data, place_ + " is " + shown(*object_) + ", not an object"};
  }
}

const rapidjson::Value* ObjectReader::member(const char* key) const {
  return object_ == nullptr ? nullptr : given_member(*object_, key);
}

bool ObjectReader::is_null(const char* key) const {
  if (object_ == nullptr || !object_->IsObject()) return false;
  const auto found = object_->FindMember(key);
  return found != object_->MemberEnd() && found->value.IsNull();
}

void ObjectReader::refuse(const char* key, ErrorCode code, const std::string& what) {
  if (status_) status_ = Error{code, place_ + "." + key + " " + what};
}

std::uint32_t ObjectReader::integer(const char* key, std::uint32_t fallback, std::uint32_t min, std::uint32_t max) {
  const rapidjson::Value* value = member(key);
  if (value == nullptr) return fallback;
  if (!value->IsUint() || value->GetUint() < min || value->GetUint() > max) {
    refuse(key, ErrorCode::corrupt_data,
           "is " + shown(*value) + ", not an integer from " + std::to_string(min) + " to " + std::to_string(max));
    return fallback;
  }
  return value->GetUint();
}

double ObjectReader::number(const char* key, double fallback, double min, double max) {
  const rapidjson::Value* value = member(key);
  if (value == nullptr) return fallback;
  if (!value->IsNumber() || !(value->GetDouble() >= min && value->GetDouble() <= max)) {
    refuse(key, ErrorCode::corrupt_data,
           "is " + shown(*value) + ", not a number from " + number_text(min) + " to " + number_text(max));
    return fallback;
  }
  return value->GetDouble();
}

bool ObjectReader::boolean(const char* key, bool fallback) {
  const rapidjson::Value* value = member(key);
  if (value == nullptr) return fallback;
  if (!value->IsBool()) {
    refuse(key, ErrorCode::corrupt_data, "is " + shown(*value) + ", not true or false");
    return fallback;
  }
  return value->GetBool();
}

std::string ObjectReader::string(const char* key, std::string_view fallback) {
  const rapidjson::Value* value = member(key);
  if (value == nullptr) return std::string(fallback);
  if (!value->IsString()) {
    refuse(key, ErrorCode::corrupt_data, "is " + shown(*value) + ", not a string");
    return std::string(fallback);
  }
  return {value->GetString(), value->GetStringLength()};
}

}  // namespace sightline::models
