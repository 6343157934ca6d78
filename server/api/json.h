// Bodies of requests as JSON: bounded, and valid UTF-8 throughout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rapidjson/document.h"

namespace sightline::api {

struct JsonLimits {
  std::size_t max_depth = 32;      ///< of arrays and objects in each other
  std::size_t max_values = 65536;  ///< values and keys: each costs 16 bytes, however short its text
};

/// The document's strings point into `text`, which must outlive it. Errors: invalid_argument naming the byte
/// offset; too_large (too deep, too many values).
Result<rapidjson::Document> parse_json(std::string_view text, const JsonLimits& limits = {});

inline std::string_view as_view(const rapidjson::Value& string) {
  return {string.GetString(), string.GetStringLength()};
}

/// "an object", "a number", ...: for messages about a wrong type.
const char* type_name(const rapidjson::Value& value);

/// Reads the members of a request's body. The first failure is kept and reading continues, so that a reader is
/// checked once, at the end. A member that is null counts as absent.
class FieldReader {
 public:
  /// Fails if `body` is not an object, or has a member twice.
  explicit FieldReader(const rapidjson::Value& body);

  const rapidjson::Value* any(const char* name) const;
  std::optional<std::string_view> string(const char* name);
  std::optional<std::int64_t> integer(const char* name);
  std::optional<bool> boolean(const char* name);
  /// An array of strings; a member that is an empty array counts as absent.
  std::optional<std::vector<std::string_view>> strings(const char* name);
  const rapidjson::Value* array(const char* name);
  const rapidjson::Value* object(const char* name);
  bool has(const char* name) const { return any(name) != nullptr; }

  void fail(std::string field, Error error);
  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }
  /// The wrong member; empty: the body as a whole.
  const std::string& field() const { return field_; }

 private:
  /// The member if it is of that type; fails if it is of another.
  const rapidjson::Value* typed(const char* name, bool (rapidjson::Value::*is_type)() const, const char* type);

  const rapidjson::Value& body_;
  std::optional<Error> error_;
  std::string field_;
};

}  // namespace sightline::api
