#include "server/elastic/embedded/date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <set>
#include <vector>

namespace sightline::elastic {
namespace {

constexpr std::int64_t k_second = 1000, k_minute = 60 * k_second, k_hour = 60 * k_minute, k_day = 24 * k_hour;
constexpr std::string_view k_slash_time = "yyyy/MM/dd HH:mm:ss", k_slash_day = "yyyy/MM/dd";

/// Parts of a date. Parts of the time that the text omits are negative.
struct Parts {
  int year = 1970, month = 1, day = 1;
  int hour = -1, minute = -1, second = -1, nanos = -1;
  int offset_minutes = 0;
};

/// Reads a text from its front.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool empty() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Between `least` and `most` digits.
  bool digits(int least, int most, int& value) {
    int count = 0;
    value = 0;
    while (count < most && !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
      ++count;
    }
    return count >= least;
  }
  /// A fraction of a second of 1 to 9 digits, as nanoseconds.
  bool fraction(int& nanos) {
    const std::size_t before = rest_.size();
    if (!digits(1, 9, nanos)) return false;
    for (std::size_t read = before - rest_.size(); read < 9; ++read) nanos *= 10;
    return true;
  }
  /// Reads Z, +02, +0200 or +02:00.
  bool zone(int& offset_minutes) {
    if (take('Z')) return true;
    const bool minus = peek() == '-';
    if (!take('+') && !take('-')) return false;
    int hours = 0, minutes = 0;
    if (!digits(2, 2, hours)) return false;
    if (take(':') || (peek() >= '0' && peek() <= '9')) {
      if (!digits(2, 2, minutes)) return false;
    }
    offset_minutes = (hours * 60 + minutes) * (minus ? -1 : 1);
    return hours <= 18 && minutes < 60;
  }

 private:
  std::string_view rest_;
};

std::vector<std::string_view> alternatives(std::string_view format) {
  if (format.empty()) format = k_default_date_format;
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= format.size();) {
    const std::size_t end = std::min(format.find("||", begin), format.size());
    parts.push_back(format.substr(begin, end - begin));
    begin = end + 2;
  }
  return parts;
}

/// Reads yyyy[-MM[-dd[THH[:mm[:ss[.fraction]]][zone]]]]; `strict` requires two digits where a lenient format accepts
/// one.
std::optional<Parts> read_iso(std::string_view text, bool strict) {
  Reader reader(text);
  Parts parts;
  const int least = strict ? 2 : 1;
  const auto part = [&](char before, int& value) { return !reader.take(before) || reader.digits(least, 2, value); };
  bool fits = reader.digits(4, 4, parts.year) && part('-', parts.month);
  const bool has_day = fits && reader.take('-');
  fits = fits && (!has_day || reader.digits(least, 2, parts.day));
  if (fits && has_day && reader.take('T') && !reader.empty()) {
    fits = reader.digits(least, 2, parts.hour) && part(':', parts.minute) && part(':', parts.second);
    if (fits && parts.second >= 0 && (reader.take('.') || reader.take(','))) fits = reader.fraction(parts.nanos);
    fits = fits && (reader.empty() || reader.zone(parts.offset_minutes));
  }
  return fits && reader.empty() ? std::optional(parts) : std::nullopt;
}

/// Reads yyyy/MM/dd, with HH:mm:ss after it if `with_time`.
std::optional<Parts> read_slashes(std::string_view text, bool with_time) {
  Reader reader(text);
  Parts parts;
  const auto part = [&](char before, int& value) { return reader.take(before) && reader.digits(2, 2, value); };
  bool fits = reader.digits(4, 4, parts.year) && part('/', parts.month) && part('/', parts.day);
  if (with_time) fits = fits && part(' ', parts.hour) && part(':', parts.minute) && part(':', parts.second);
  return fits && reader.empty() ? std::optional(parts) : std::nullopt;
}

std::optional<std::int64_t> to_milliseconds(const Parts& parts, bool round_up) {
  using namespace std::chrono;
  const year_month_day date =
      year{parts.year} / month{static_cast<unsigned>(parts.month)} / day{static_cast<unsigned>(parts.day)};
  const auto part = [round_up](int given, int largest) { return given >= 0 ? given : (round_up ? largest : 0); };
  const int hour = part(parts.hour, 23), minute = part(parts.minute, 59), second = part(parts.second, 59);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const int millis = parts.nanos >= 0 ? parts.nanos / 1'000'000 : (round_up ? 999 : 0);
  return sys_days(date).time_since_epoch().count() * k_day + hour * k_hour + minute * k_minute + second * k_second +
         millis - parts.offset_minutes * k_minute;
}

std::optional<std::int64_t> read_epoch(std::string_view text, std::int64_t unit, bool round_up) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr std::int64_t k_farthest = std::int64_t{1} << 52;
  if (error != std::errc() || value > k_farthest || value < -k_farthest) return std::nullopt;
  const char* behind = text.data() + text.size();
  if (end == behind) return value * unit + (round_up ? unit - 1 : 0);
  if (*end != '.') return std::nullopt;
  std::int64_t place = unit, rest = 0;  // milliseconds
  bool less = false;                    // a part of a millisecond: dates round down
  for (const char* digit = end + 1; digit != behind; ++digit) {
    if (*digit < '0' || *digit > '9') return std::nullopt;
    place /= 10;
    rest += place * (*digit - '0');
    less = less || (place == 0 && *digit != '0');
  }
  return value * unit + (text.front() == '-' ? -rest - (less ? 1 : 0) : rest);
}

}  // namespace

std::optional<std::string> known_date_format(std::string_view format) {
  std::set<std::string_view> seen;
  std::string different;
  for (const std::string_view part : alternatives(format)) {
    if (part != "strict_date_optional_time" && part != "date_optional_time" && part != "epoch_millis" &&
        part != "epoch_second" && part != k_slash_time && part != k_slash_day)
      return std::nullopt;
    if (seen.insert(part).second) different.append(different.empty() ? "" : "||").append(part);
  }
  return different;
}

std::optional<std::int64_t> parse_date(std::string_view text, std::string_view format, bool round_up) {
  for (const std::string_view part : alternatives(format)) {
    std::optional<std::int64_t> time;
    if (part.starts_with("epoch_")) {
      time = read_epoch(text, part == "epoch_millis" ? 1 : k_second, round_up);
    } else {
      const auto parts = part.starts_with("yyyy/") ? read_slashes(text, part == k_slash_time)
                                                   : read_iso(text, part.starts_with("strict_"));
      if (parts) time = to_milliseconds(*parts, round_up);
    }
    if (time) return time;
  }
  return std::nullopt;
}

std::string format_date(std::int64_t milliseconds, std::string_view format) {
  const std::string_view first = alternatives(format).front();
  if (first == "epoch_millis") return std::to_string(milliseconds);
  if (first == "epoch_second") {
    if (milliseconds % k_second == 0) return std::to_string(milliseconds / k_second);
    std::array<char, 64> text{};
    const double seconds = static_cast<double>(milliseconds) / k_second;
    return {text.data(), std::to_chars(text.data(), text.end(), seconds, std::chars_format::fixed).ptr};
  }
  std::int64_t days = milliseconds / k_day, rest = milliseconds % k_day;
  if (rest < 0) {
    rest += k_day;
    --days;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  const bool slashes = first.starts_with("yyyy/");
  const char between = slashes ? '/' : '-';
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d%c%02u%c%02u%c%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                between, static_cast<unsigned>(date.month()), between, static_cast<unsigned>(date.day()),
                slashes ? ' ' : 'T', static_cast<int>(rest / k_hour), static_cast<int>(rest / k_minute % 60),
                static_cast<int>(rest / k_second % 60), static_cast<int>(rest % k_second));
  std::string out = text.data();
  if (slashes) out.resize(first == k_slash_day ? k_slash_day.size() : k_slash_time.size());
  return out;
}

}  // namespace sightline::elastic
