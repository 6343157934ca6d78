// Keys of a configuration that have only one supported value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/files/json_file.h"

namespace sightline::models {

/// Records the error `unsupported` in a reader for each key with another value than the supported one; the message
/// names the key, both values and the model.
class RequiredValues {
 public:
  /// `model` names the published model in messages, such as jina-clip-v1.
  RequiredValues(ObjectReader& reader, const char* model) : reader_(reader), model_(model) {}

  void boolean(const char* key, bool value);
  void string(const char* key, std::string_view value);
  void integer(const char* key, std::uint32_t value);
  void number(const char* key, double value);
  void absent(const char* key);  ///< missing or null

 private:
  void refuse(const char* key, const std::string& given, const std::string& value);

  ObjectReader& reader_;
  std::string model_;
};

}  // namespace sightline::models
