// The body of an update.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// What is said of any other `_source` of an update.
constexpr std::string_view k_update_source_is_flag =
    "[_source] of an update is supported as true or false only";

/// `{"doc":{..},"doc_as_upsert":true,"upsert":{..},"detect_noop":true}`; texts are views of the body, empty
/// if absent.
struct UpdateBody {
  std::string_view doc, upsert;
  bool doc_as_upsert = false;
  bool detect_noop = true;
  std::optional<bool> wants_source;  ///< empty: as the request says
};

/// Errors: x_content_parse_exception for unknown keys, action_request_validation_exception without `doc`.
Answer<UpdateBody> parse_update_body(std::string_view body);

}  // namespace sightline::elastic
