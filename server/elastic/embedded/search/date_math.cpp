#include "server/elastic/embedded/search/date_math.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

#include "server/elastic/embedded/date.h"

namespace sightline::elastic {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::months;
using std::chrono::sys_days;
using Time = std::chrono::sys_time<milliseconds>;

Time plus_months(Time time, std::int64_t count) {
  const auto day = std::chrono::floor<days>(time);
  std::chrono::year_month_day date(day);
  date += months(count);
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;  // the 31st of a shorter month
  return sys_days(date) + (time - day);
}

/// Times that calendars reach, some thirty thousand years either way; keeps all arithmetic far from overflow.
bool in_calendar(Time time) {
  constexpr milliseconds k_limit(900'000'000'000'000);
  return time.time_since_epoch() <= k_limit && time.time_since_epoch() >= -k_limit;
}

/// A fixed length, or nothing for months and years.
std::optional<milliseconds> length_of(char unit) {
  switch (unit) {
    case 's':
      return std::chrono::seconds(1);
    case 'm':
      return std::chrono::minutes(1);
    case 'h':
    case 'H':
      return std::chrono::hours(1);
    case 'd':
      return days(1);
    case 'w':
      return days(7);
    default:
      return std::nullopt;
  }
}

std::optional<Time> add(Time time, std::int64_t count, char unit) {
  // No date needs more.
  if (count < -1'000'000'000 || count > 1'000'000'000) return std::nullopt;
  if (const auto length = length_of(unit)) return time + count * *length;
  if (std::abs(count) > 100'000) return std::nullopt;
  if (unit == 'M') return plus_months(time, count);
  if (unit == 'y') return plus_months(time, 12 * count);
  return std::nullopt;
}

/// The beginning of the second, minute, ..., year that `time` is in.
std::optional<Time> floor_to(Time time, char unit) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  if (unit == 'y') return sys_days(date.year() / std::chrono::January / 1);
  if (unit == 'M') return sys_days(date.year() / date.month() / 1);
  if (unit == 'w') return day - (std::chrono::weekday(day) - std::chrono::Monday);
  if (unit == 'd') return day;
  if (const auto length = length_of(unit)) {
    const auto inside = (time - day) % *length;
    return time - inside;
  }
  return std::nullopt;
}

/// "+1d-2h/M" applied to `time`.
std::optional<Time> apply(std::string_view operations, Time time, bool round_up) {
  while (!operations.empty()) {
    if (!in_calendar(time)) return std::nullopt;
    const char sign = operations.front();
    operations.remove_prefix(1);
    if (sign != '+' && sign != '-' && sign != '/') return std::nullopt;
    std::int64_t count = 1;
    const auto [end, code] = std::from_chars(operations.data(), operations.data() + operations.size(), count);
    const bool has_count = end != operations.data();
    if ((has_count && code != std::errc()) || count < 0 || (sign == '/' && count != 1)) return std::nullopt;
    operations.remove_prefix(static_cast<std::size_t>(end - operations.data()));
    if (operations.empty()) return std::nullopt;
    const char unit = operations.front();
    operations.remove_prefix(1);
    std::optional<Time> moved =
        sign == '/' ? floor_to(time, unit) : add(time, sign == '+' ? count : -count, unit);
    if (moved && sign == '/' && round_up) {
      moved = add(*moved, 1, unit);
      if (moved) *moved -= milliseconds(1);
    }
    if (!moved) return std::nullopt;
    time = *moved;
  }
  return time;
}

/// True if a date's text says which zone it is in, or counts from 1970.
bool names_zone(std::string_view text) {
  const std::size_t time = text.find('T');
  if (time != std::string_view::npos) return text.find_first_of("Z+-", time) != std::string_view::npos;
  return text.size() > 4 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<std::int64_t> parse_date_math(std::string_view text, std::string_view format, bool round_up,
                                            std::int64_t now, std::int64_t offset_ms) {
  const milliseconds offset(offset_ms);
  Time time;
  std::string_view operations;
  if (text.starts_with("now")) {
    time = Time(milliseconds(now));
    operations = text.substr(3);
  } else {
    const std::size_t bars = text.find("||");
    const std::string_view date = text.substr(0, bars);
    if (bars != std::string_view::npos) operations = text.substr(bars + 2);
    const auto parsed = parse_date(date, format, round_up && operations.empty());
    if (!parsed) return std::nullopt;
    time = Time(milliseconds(*parsed));
    if (round_up && operations.empty() && in_calendar(time)) {
      // Only parts of the time are filled up: "2026-03" is the first of March, until its last millisecond.
      const auto least = parse_date(date, format, false);
      const auto day = least ? std::chrono::floor<days>(Time(milliseconds(*least))) : sys_days();
      time = std::min<Time>(time, day + days(1) - milliseconds(1));
    }
    if (!names_zone(date)) time -= offset;
  }
  // Rounding is to days and months of the zone's own calendar.
  const auto moved = apply(operations, time + offset, round_up);
  if (!moved) return std::nullopt;
  return (*moved - offset).time_since_epoch().count();
}

std::optional<std::int64_t> parse_zone(std::string_view zone) {
  if (zone.empty() || zone == "Z" || zone == "UTC" || zone == "GMT") return 0;
  const bool behind = zone.front() == '-';
  if (!behind && zone.front() != '+') return std::nullopt;
  std::string digits;
  for (const char c : zone.substr(1)) {
    if (c >= '0' && c <= '9') {
      digits += c;
    } else if (c != ':') {
      return std::nullopt;
    }
  }
  if (digits.size() != 2 && digits.size() != 4) return std::nullopt;
  if (digits.size() == 2) digits += "00";
  const int hours = std::stoi(digits.substr(0, 2)), minutes = std::stoi(digits.substr(2));
  if (hours > 18 || minutes > 59) return std::nullopt;
  const std::int64_t ms = (hours * 60 + minutes) * 60'000LL;
  return behind ? -ms : ms;
}

}  // namespace sightline::elastic
