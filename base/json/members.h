// Reads members of another server's JSON without checking at each level whether they exist.
#pragma once

#include <rapidjson/document.h>
#include <string_view>

namespace sightline::json {

/// The member of that name; null if there is none, or if `value` is no object.
inline const rapidjson::Value& member(const rapidjson::Value& value, std::string_view name) {
  static const rapidjson::Value null;
  if (!value.IsObject()) return null;
  const rapidjson::Value key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  const auto found = value.FindMember(key);
  return found == value.MemberEnd() ? null : found->value;
}
/// The member at a path of names.
template <class... Names>
const rapidjson::Value& member(const rapidjson::Value& value, std::string_view name, Names... further) {
  return member(member(value, name), further...);
}

/// A string's characters; empty for any other value.
inline std::string_view text_or_empty(const rapidjson::Value& value) {
  return value.IsString() ? std::string_view(value.GetString(), value.GetStringLength()) : std::string_view();
}
/// The same of the member at a path of names.
template <class... Names>
std::string_view text_at(const rapidjson::Value& value, Names... names) {
  return text_or_empty(member(value, names...));
}

}  // namespace sightline::json
