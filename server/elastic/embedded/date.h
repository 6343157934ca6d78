// Dates as Elasticsearch's date fields read and write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::elastic {

/// The format of a date field whose mapping gives none.
constexpr std::string_view k_default_date_format = "strict_date_optional_time||epoch_millis";
/// The format of a field that dynamic mapping creates for a text such as "2026/03/01".
constexpr std::string_view k_slash_date_format = "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis";

/// The different parts of `format` ("a||b"), in their order: a repeated part has no effect. Nothing if one is none of
/// strict_date_optional_time, date_optional_time, epoch_millis, epoch_second, "yyyy/MM/dd HH:mm:ss" and "yyyy/MM/dd".
std::optional<std::string> known_date_format(std::string_view format);

/// Milliseconds since 1970-01-01T00:00:00Z, read by the first part of `format` (empty: the default) that matches the
/// whole text; nothing if none matches. Parts of the time of day that the text omits are 0, or with `round_up` their
/// largest value ("2026-03" is then the last millisecond of March 1st).
std::optional<std::int64_t> parse_date(std::string_view text, std::string_view format = {}, bool round_up = false);

/// The time in the first part of `format`: "2026-03-01T00:00:00.000Z", or digits for epoch_millis and epoch_second.
std::string format_date(std::int64_t milliseconds, std::string_view format = {});

}  // namespace sightline::elastic
