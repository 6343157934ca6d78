// What a query's value means to a field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/elastic/embedded/mapping.h"
#include "server/elastic/embedded/search/query.h"

namespace sightline::elastic {

/// A whole number, or the one below it with `fraction` set: 3.5 is {3, true}. Numbers beyond int64 are the
/// nearest int64 with `beyond` set.
struct WholeNumber {
  std::int64_t floor = 0;
  bool fraction = false, beyond = false;
};
/// Throws ShardRefused (number_format_exception) if the text is no number.
WholeNumber whole_number(const Literal& value);
/// The same as an end of a range over a field of that type. Throws ShardRefused if the type cannot hold it.
WholeNumber whole_bound(FieldType type, const Literal& value);
/// The number as a field of that type holds it: rounded to float32 or half precision. Throws as above.
double decimal_number(FieldType type, const Literal& value);
/// Throws ShardRefused unless the text is "true" or "false".
bool boolean_value(const Literal& value);
/// Throws ShardRefused if the text is no date of the field's format. `round_up`: see parse_date.
std::int64_t date_value(const Field& field, const Literal& value, bool round_up);

}  // namespace sightline::elastic
