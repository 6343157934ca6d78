// Reads settings out of a JSON object as Elasticsearch's inference services do: all faults are gathered, and
// a setting that is not read is an error.
#pragma once

#include <optional>
#include <rapidjson/document.h>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// A JSON value as Java prints a Map, a List or a number: `{a=1, b=[x, y]}`. Elasticsearch's messages hold
/// such texts.
std::string java_text(const rapidjson::Value& value);

/// The faults of one request, reported together: 400 validation_exception "Validation Failed: 1: ...;2: ...;".
class ValidationFaults {
 public:
  void add(std::string fault) { faults_.push_back(std::move(fault)); }
  bool empty() const { return faults_.empty(); }
  ElasticError error() const;

 private:
  std::vector<std::string> faults_;
};

using StringPairs = std::vector<std::pair<std::string, std::string>>;

/// One object of settings. `scope` names it in messages: "service_settings". The object must outlive the
/// reader. A key that is absent, or null, is not there. Wrong kinds are added to the faults and read as
/// absent.
class SettingsReader {
 public:
  SettingsReader(const rapidjson::Value& object, std::string scope, ValidationFaults& faults)
      : object_(object), scope_(std::move(scope)), faults_(faults) {}

  std::optional<std::string> required_string(std::string_view key);
  /// With `may_be_empty` the empty string is a value, else a fault.
  std::optional<std::string> optional_string(std::string_view key, bool may_be_empty = false);
  /// Not empty; no fault shows its value.
  std::optional<std::string> secret_string(std::string_view key);
  std::optional<int> positive_integer(std::string_view key);
  std::optional<bool> flag(std::string_view key);
  /// One of `allowed`, which are in lower case, as the value may be or not.
  std::optional<std::string> choice(std::string_view key, const std::vector<std::string>& allowed);
  /// An object, or nullptr.
  const rapidjson::Value* required_object(std::string_view key);
  const rapidjson::Value* optional_object(std::string_view key);
  /// An object whose values are all strings, at most k_max_pairs; nulls are left out. Fields are in the order given.
  /// With `secret` no value is shown in a fault.
  StringPairs string_map(std::string_view key, bool secret = false);
  static constexpr std::size_t k_max_pairs = 200;
  /// Marks a key as read and returns its value, or nullptr.
  const rapidjson::Value* take(std::string_view key);

  const std::string& scope() const { return scope_; }
  /// The members that were not read, as java_text prints a map of them; empty if there are none.
  std::string left_over() const;

 private:
  std::optional<int> integer(std::string_view key);
  void wrong_kind(std::string_view key, const rapidjson::Value& value, std::string_view expected);

  const rapidjson::Value& object_;
  std::string scope_;
  ValidationFaults& faults_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace sightline::elastic
