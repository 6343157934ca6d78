// Dates as Elasticsearch's date fields read and write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::elastic {

/// What a date field reads if its mapping names no format.
constexpr std::string_view k_default_date_format = "strict_date_optional_time||epoch_millis";

/// True if every part of `format` ("a||b") is one that parse_date knows: strict_date_optional_time,
/// date_optional_time, epoch_millis, epoch_second, strict_date, date, basic_date, strict_date_time,
/// date_time, yyyy-MM-dd, yyyy/MM/dd, "yyyy-MM-dd HH:mm:ss" and the like.
bool is_date_format(std::string_view format);

/// Milliseconds since 1970-01-01T00:00:00Z; the first part of `format` (empty: the default) that fits the
/// whole text decides. Parts of the time that the text leaves out are their smallest, or with `round_up`
/// their largest ("2026-03" is then its last millisecond).
std::optional<std::int64_t> parse_date(std::string_view text, std::string_view format = {},
                                       bool round_up = false);

/// The time as `format` (its first part) writes it: "2026-03-01T00:00:00.000Z", or digits for epoch_millis.
std::string format_date(std::int64_t milliseconds, std::string_view format = {});

}  // namespace sightline::elastic
