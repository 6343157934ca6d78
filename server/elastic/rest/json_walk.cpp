#include "server/elastic/rest/json_walk.h"

#include <rapidjson/document.h>

namespace sightline::elastic {

std::optional<std::string> decoded_string(std::string_view quoted) {
  rapidjson::Document value;
  value.Parse(quoted.data(), quoted.size());
  if (value.HasParseError() || !value.IsString()) return std::nullopt;
  return std::string(value.GetString(), value.GetStringLength());
}

}  // namespace sightline::elastic
