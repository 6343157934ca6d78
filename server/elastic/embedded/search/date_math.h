// Dates in queries: "now-7d/d", "2026-03-01||+1M", or a date as a field reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sightline::elastic {

/// Milliseconds since 1970 UTC. `now` is what `now` stands for. With `round_up` parts of the time
/// that the text leaves open are their largest ("2026-03" is then the last millisecond of its first day), and
/// rounding goes to the end ("now/M": of the month). `offset_ms`: how far the time zone is ahead of UTC, for
/// dates that name no zone of their own. Nothing if the text is no such date.
std::optional<std::int64_t> parse_date_math(std::string_view text, std::string_view format, bool round_up,
                                            std::int64_t now, std::int64_t offset_ms);

/// "Z", "UTC", "+02:00", "-0530" as milliseconds ahead of UTC; nothing for zones by name.
std::optional<std::int64_t> parse_zone(std::string_view zone);

}  // namespace sightline::elastic
