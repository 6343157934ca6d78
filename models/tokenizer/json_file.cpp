#include "models/tokenizer/json_file.h"

#include <fstream>
#include <rapidjson/error/en.h>
#include <sstream>

namespace sightline::models {

Result<std::string> read_text_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return Error{ErrorCode::not_found, file.string() + " cannot be read"};
  }
  return std::move(text).str();
}

Result<rapidjson::Document> read_json_file(const std::filesystem::path& file) {
  Result<std::string> text = read_text_file(file);
  if (!text) return text.error();
  rapidjson::Document document;
  // Iterative: no depth of nesting can exhaust the stack.
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(text->data(),
                                                                                         text->size());
  if (document.HasParseError()) {
    return Error{ErrorCode::corrupt_data,
                 file.string() + " is not JSON: " + rapidjson::GetParseError_En(document.GetParseError()) +
                     " At byte " + std::to_string(document.GetErrorOffset())};
  }
  if (!document.IsObject())
    return Error{ErrorCode::corrupt_data, file.string() + " does not hold a JSON object"};
  return document;
}

const rapidjson::Value* find_member(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

std::string_view text_member(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* value = find_member(object, name);
  return value != nullptr && value->IsString()
             ? std::string_view(value->GetString(), value->GetStringLength())
             : std::string_view();
}

bool bool_member(const rapidjson::Value& object, const char* name, bool absent) {
  const rapidjson::Value* value = find_member(object, name);
  return value != nullptr && value->IsBool() ? value->GetBool() : absent;
}

std::optional<std::int32_t> as_token_id(const rapidjson::Value& value) {
  constexpr int k_max_id = 1 << 24;
  if (!value.IsInt() || value.GetInt() < 0 || value.GetInt() >= k_max_id) return std::nullopt;
  return value.GetInt();
}

}  // namespace sightline::models
