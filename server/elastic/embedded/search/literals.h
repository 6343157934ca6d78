// The values of queries, converted to the types of fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/elastic/embedded/mapping.h"
#include "server/elastic/embedded/search/query.h"

namespace sightline::elastic {

/// A whole number, or the next lower one with `fraction` set: 3.5 is {3, true}. A number beyond int64 is the nearest
/// int64 with `beyond` set.
struct WholeNumber {
  std::int64_t floor = 0;
  bool fraction = false, beyond = false;
};
/// Throws ShardRefused (query_shard_exception) if the text is not a number.
WholeNumber whole_number(const Literal& value);
/// The same for a bound of a range over a field of that type. Throws ShardRefused if the type cannot hold it.
WholeNumber whole_bound(FieldType type, const Literal& value);
/// The number in the precision of a field of that type: rounded to float32 or half precision. Throws as whole_number
/// does.
double decimal_number(FieldType type, const Literal& value);
/// Throws ShardRefused unless the text is "true" or "false".
bool boolean_value(const Literal& value);
/// Throws ShardRefused if the text is not a date in the field's format. `round_up`: see parse_date.
std::int64_t date_value(const Field& field, const Literal& value, bool round_up);

}  // namespace sightline::elastic
