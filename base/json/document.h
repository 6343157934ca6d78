// JSON from outside as a RapidJSON document.
#pragma once

#include <rapidjson/document.h>
#include <string_view>

#include "base/json/reader.h"

namespace sightline::json {

/// Whether a document's strings are its own.
enum class Strings {
  copied,    ///< yes, with a NUL behind each
  borrowed,  ///< they point into the text, which must outlive the document, without a NUL behind
};

/// Reads `text` into `document`, which stays null if there is a fault. Numbers are as `number_value` has them:
/// one that is too large for a double is a fault (number_too_large).
Fault read_document(std::string_view text, rapidjson::Document& document, const Limits& limits = {},
                    Strings strings = Strings::copied);

/// The name of a member that an object of `value` has twice, wherever that object is; null if there is none.
/// Recurses as deep as the value nests.
const rapidjson::Value* find_duplicate_name(const rapidjson::Value& value);

}  // namespace sightline::json
