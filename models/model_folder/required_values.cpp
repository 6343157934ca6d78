#include "models/model_folder/required_values.h"

#include "models/model_folder/transformer_config.h"

namespace sightline::models {

void RequiredValues::refuse(const char* key, const std::string& given, const std::string& value) {
  reader_.refuse(key, ErrorCode::unsupported,
                 "is " + given + "; " + model_ + " has " + value + ", the only value supported");
}

void RequiredValues::boolean(const char* key, bool value) {
  const auto name = [](bool truth) { return truth ? "true" : "false"; };
  if (reader_.boolean(key, value) != value) refuse(key, name(!value), name(value));
}

void RequiredValues::string(const char* key, std::string_view value) {
  const auto quoted = [](std::string_view text) { return "\"" + std::string(text) + "\""; };
  if (const std::string given = reader_.string(key, value); given != value) refuse(key, quoted(given), quoted(value));
}

void RequiredValues::integer(const char* key, std::uint32_t value) {
  const std::uint32_t given = reader_.integer(key, value, 0, k_max_vocabulary);
  if (given != value) refuse(key, std::to_string(given), std::to_string(value));
}

void RequiredValues::number(const char* key, double value) {
  const double given = reader_.number(key, value, 0, 1e6);
  if (given != value) refuse(key, std::to_string(given), std::to_string(value));
}

void RequiredValues::absent(const char* key) {
  if (reader_.member(key) == nullptr) return;
  reader_.refuse(key, ErrorCode::unsupported, "is set; " + model_ + " has none, and none is supported");
}

}  // namespace sightline::models
