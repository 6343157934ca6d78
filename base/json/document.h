// JSON from outside as a RapidJSON document.
#pragma once

#include <optional>
#include <rapidjson/document.h>
#include <string_view>

#include "base/json/reader.h"

namespace sightline::json {

/// Whether a document owns its strings.
enum class Strings {
  copied,    ///< yes, with a NUL after each
  borrowed,  ///< they point into the text, which must outlive the document, without a NUL after them
};

/// How a document stores its numbers.
enum class Numbers {
  values,  ///< what `number_value` has: one that is too large for a double is an error (number_too_large)
  /// All of them, with all digits. Integers of 64 bits are values, except -0, which a writer would not write so. Every
  /// other number is stored as its text, after a byte that no text begins with. RapidJSON treats it as a string, so use
  /// `is_text` and `written_number`, and write with AsWrittenWriter.
  as_written,
};

/// Reads `text` into `document`, which stays null if there is an error.
Fault read_document(std::string_view text, rapidjson::Document& document, const Limits& limits = {},
                    Strings strings = Strings::copied, Numbers numbers = Numbers::values);

/// The text of the number that a string stores (Numbers::as_written); nothing if the string is a text.
std::optional<std::string_view> written_number(std::string_view string);
std::optional<std::string_view> written_number(const rapidjson::Value& value);
/// True for a string that is a text, and not a stored number.
bool is_text(const rapidjson::Value& value);
/// The first byte of a number that is stored as its text. It does not occur in UTF-8.
constexpr char k_number_mark = '\xFF';

/// The name of a member that an object of `value` has twice, wherever that object is; null if there is none.
/// Recurses as deep as the value nests.
const rapidjson::Value* find_duplicate_name(const rapidjson::Value& value);

}  // namespace sightline::json
