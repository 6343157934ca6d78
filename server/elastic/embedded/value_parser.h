// Turns one JSON value into a value of a field.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/elastic/embedded/document.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// Adds a concrete value (string, number or boolean; not a vector) to `values` as the field's type reads it. Gives
/// why it does not fit the field, or nothing.
std::optional<std::string> append_value(const Field& field, FieldValues& values, const rest::JsonToken& token);

/// The values of a type of whole numbers.
struct WholeRange {
  std::int64_t least, most;
};
WholeRange range_of(FieldType type);

/// Reads the whole text as a float32; too large ones are infinite.
std::optional<float> parse_float(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// Rounds to IEEE half precision, ties to even; what is too large becomes infinite.
double round_to_half(double value);

/// UTF-16 units of UTF-8 text: what Java calls the length of a string.
std::int64_t utf16_length(std::string_view text);

}  // namespace sightline::elastic
