// Turns one JSON value into a value of a field.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/elastic/embedded/document.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// Adds a concrete value (string, number or boolean; not a vector) to `values`, read by the field's type. Returns why
/// it does not fit the field, or nothing.
std::optional<std::string> append_value(const Field& field, FieldValues& values, const rest::JsonToken& token);

/// The range of a type of whole numbers.
struct WholeRange {
  std::int64_t least, most;
};
WholeRange range_of(FieldType type);

/// Reads the whole text as a float32; infinite if it is too large, nothing if it is not a number.
std::optional<float> parse_float(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// Rounds to IEEE half precision, ties to even; infinite if it is too large.
double round_to_half(double value);

/// The length of UTF-8 text in UTF-16 units, which is Java's length of a string.
std::int64_t utf16_length(std::string_view text);

}  // namespace sightline::elastic
