// Writes settings of inference endpoints as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json/writer.h"
#include "server/elastic/inference/settings_reader.h"

namespace sightline::elastic {

/// Writes JSON; members one by one between `begin` and `end`.
class SettingsWriter {
 public:
  void begin() { writer_.StartObject(); }
  void begin(std::string_view key) { name(key), writer_.StartObject(); }
  void end() { writer_.EndObject(); }

  void text(std::string_view key, const std::string& value) { name(key), writer_.String(value); }
  void text(std::string_view key, const std::optional<std::string>& value) {
    if (value) text(key, *value);
  }
  void number(std::string_view key, int value) { name(key), writer_.Int(value); }
  void number(std::string_view key, const std::optional<int>& value) {
    if (value) number(key, *value);
  }
  void flag(std::string_view key, bool value) { name(key), writer_.Bool(value); }
  /// An object of strings.
  void map(std::string_view key, const StringPairs& pairs) {
    begin(key);
    for (const auto& [field, value] : pairs) text(field, value);
    end();
  }
  /// A list of lists of two strings.
  void pairs(std::string_view key, const StringPairs& pairs) {
    name(key), writer_.StartArray();
    for (const auto& [first, second] : pairs) {
      writer_.StartArray(), writer_.String(first), writer_.String(second), writer_.EndArray();
    }
    writer_.EndArray();
  }
  /// What is JSON already.
  void json(std::string_view key, std::string_view value) {
    name(key), writer_.RawValue(value.data(), value.size(), rapidjson::kNullType);
  }

  std::string written() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void name(std::string_view key) { writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size())); }

  rapidjson::StringBuffer buffer_;
  json::Writer writer_{buffer_};
};

}  // namespace sightline::elastic
