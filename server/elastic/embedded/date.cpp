#include "server/elastic/embedded/date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <vector>

namespace sightline::elastic {
namespace {

constexpr std::int64_t k_second = 1000, k_minute = 60 * k_second, k_hour = 60 * k_minute, k_day = 24 * k_hour;

/// A named format and the pattern it stands for. The `strict_` names are the same with all digits required,
/// as patterns have it here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> k_named_patterns = {{
    {"date", "yyyy-MM-dd"},
    {"basic_date", "yyyyMMdd"},
    {"date_time", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"},
    {"date_time_no_millis", "yyyy-MM-dd'T'HH:mm:ssXXX"},
    {"date_hour_minute_second", "yyyy-MM-dd'T'HH:mm:ss"},
    {"date_hour_minute_second_millis", "yyyy-MM-dd'T'HH:mm:ss.SSS"},
    {"basic_date_time", "yyyyMMdd'T'HHmmss.SSSX"},
    {"basic_date_time_no_millis", "yyyyMMdd'T'HHmmssX"},
    {"year", "yyyy"},
    {"year_month", "yyyy-MM"},
    {"year_month_day", "yyyy-MM-dd"},
    {"hour_minute_second", "HH:mm:ss"},
}};

/// Parts of a date; what the text left out is negative.
struct Parts {
  int year = -1, month = -1, day = -1, hour = -1, minute = -1, second = -1;
  int nanos = -1;
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
  /// Z, +02, +0200 or +02:00.
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

bool is_iso(std::string_view format) {
  return format == "strict_date_optional_time" || format == "date_optional_time" || format == "iso8601" ||
         format == "strict_date_optional_time_nanos";
}

/// The pattern of a named format; a pattern is its own.
std::string_view pattern_of(std::string_view format) {
  std::string_view name = format;
  if (name.starts_with("strict_")) name.remove_prefix(7);
  for (const auto& [known, pattern] : k_named_patterns) {
    if (name == known) return pattern;
  }
  return format;
}

/// One piece of a pattern: a run of a letter, or a literal.
struct Piece {
  char letter = '\0';  // '\0': literal
  int width = 0;
  std::string literal = {};
};

std::optional<std::vector<Piece>> pieces_of(std::string_view pattern) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '\'') {
      const std::size_t end = pattern.find('\'', i + 1);
      if (end == std::string_view::npos) return std::nullopt;
      pieces.push_back({'\0', 0, std::string(pattern.substr(i + 1, end - i - 1))});
      i = end + 1;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      std::size_t end = i;
      while (end < pattern.size() && pattern[end] == c) ++end;
      const int width = static_cast<int>(end - i);
      const bool known = ((c == 'y' || c == 'u') && width == 4) ||
                         (std::string_view("MdHms").find(c) != std::string_view::npos && width <= 2) ||
                         (c == 'S' && width <= 9) || c == 'X' || c == 'Z';
      if (!known) return std::nullopt;
      pieces.push_back({c, width});
      i = end;
    } else {
      pieces.push_back({'\0', 0, std::string(1, c)});
      ++i;
    }
  }
  return pieces;
}

bool read_piece(Reader& reader, const Piece& piece, Parts& parts) {
  switch (piece.letter) {
    case 'y':
    case 'u':
      return reader.digits(4, 4, parts.year);
    case 'M':
      return reader.digits(piece.width, 2, parts.month);
    case 'd':
      return reader.digits(piece.width, 2, parts.day);
    case 'H':
      return reader.digits(piece.width, 2, parts.hour);
    case 'm':
      return reader.digits(piece.width, 2, parts.minute);
    case 's':
      return reader.digits(piece.width, 2, parts.second);
    case 'S':
      return reader.fraction(parts.nanos);
    case 'X':
    case 'Z':
      return reader.zone(parts.offset_minutes);
    default:
      return std::all_of(piece.literal.begin(), piece.literal.end(), [&](char c) { return reader.take(c); });
  }
}

std::optional<Parts> read_pattern(std::string_view text, std::string_view pattern) {
  const auto pieces = pieces_of(pattern);
  if (!pieces) return std::nullopt;
  Reader reader(text);
  Parts parts;
  for (const Piece& piece : *pieces) {
    if (!read_piece(reader, piece, parts)) return std::nullopt;
  }
  return reader.empty() ? std::optional(parts) : std::nullopt;
}

/// yyyy[-MM[-dd[THH[:mm[:ss[.fraction]]][zone]]]]; `strict` wants two digits where a lenient one takes one.
std::optional<Parts> read_iso(std::string_view text, bool strict) {
  Reader reader(text);
  Parts parts;
  const int least = strict ? 2 : 1;
  if (!reader.digits(4, 4, parts.year)) return std::nullopt;
  if (reader.take('-')) {
    if (!reader.digits(least, 2, parts.month)) return std::nullopt;
    if (reader.take('-') && !reader.digits(least, 2, parts.day)) return std::nullopt;
  }
  if (parts.day >= 0 && reader.take('T') && !reader.empty()) {
    if (!reader.digits(least, 2, parts.hour)) return std::nullopt;
    if (reader.take(':')) {
      if (!reader.digits(least, 2, parts.minute)) return std::nullopt;
      if (reader.take(':')) {
        if (!reader.digits(least, 2, parts.second)) return std::nullopt;
        if ((reader.take('.') || reader.take(',')) && !reader.fraction(parts.nanos)) return std::nullopt;
      }
    }
    if (!reader.empty() && !reader.zone(parts.offset_minutes)) return std::nullopt;
  }
  return reader.empty() ? std::optional(parts) : std::nullopt;
}

std::optional<std::int64_t> to_milliseconds(const Parts& parts, bool round_up) {
  const auto part = [round_up](int given, int smallest, int largest) {
    return given >= 0 ? given : (round_up ? largest : smallest);
  };
  using namespace std::chrono;
  const year year_part{parts.year >= 0 ? parts.year : 1970};
  const month month_part{static_cast<unsigned>(part(parts.month, 1, 12))};
  const int last_day =
      month_part.ok() ? static_cast<int>(static_cast<unsigned>((year_part / month_part / last).day())) : 0;
  const int day_part = part(parts.day, 1, last_day);
  const int hour = part(parts.hour, 0, 23), minute = part(parts.minute, 0, 59),
            second = part(parts.second, 0, 59);
  if (!month_part.ok() || day_part < 1 || day_part > last_day || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const sys_days date = year_part / month_part / day{static_cast<unsigned>(day_part)};
  const int millis = parts.nanos >= 0 ? parts.nanos / 1'000'000 : (round_up ? 999 : 0);
  return date.time_since_epoch().count() * k_day + hour * k_hour + minute * k_minute + second * k_second +
         millis - parts.offset_minutes * k_minute;
}

std::optional<std::int64_t> read_epoch(std::string_view text, std::int64_t unit, bool round_up) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  if (end != text.data() + text.size()) {  // a decimal part is cut, as a double in the source has one
    if (*end != '.' ||
        std::any_of(end + 1, text.data() + text.size(), [](char c) { return c < '0' || c > '9'; })) {
      return std::nullopt;
    }
  }
  constexpr std::int64_t k_farthest = std::int64_t{1} << 52;
  if (value > k_farthest || value < -k_farthest) return std::nullopt;
  return value * unit + (round_up ? unit - 1 : 0);
}

}  // namespace

bool is_date_format(std::string_view format) {
  const auto formats = alternatives(format);
  return std::all_of(formats.begin(), formats.end(), [](std::string_view part) {
    if (is_iso(part) || part == "epoch_millis" || part == "epoch_second") return true;
    const auto pieces = pieces_of(pattern_of(part));
    return pieces && std::any_of(pieces->begin(), pieces->end(),
                                 [](const Piece& piece) { return piece.letter != '\0'; });
  });
}

std::optional<std::int64_t> parse_date(std::string_view text, std::string_view format, bool round_up) {
  for (const std::string_view part : alternatives(format)) {
    std::optional<std::int64_t> time;
    if (part == "epoch_millis") {
      time = read_epoch(text, 1, round_up);
    } else if (part == "epoch_second") {
      time = read_epoch(text, k_second, round_up);
    } else {
      const auto parts =
          is_iso(part) ? read_iso(text, part.starts_with("strict_")) : read_pattern(text, pattern_of(part));
      if (parts) time = to_milliseconds(*parts, round_up);
    }
    if (time) return time;
  }
  return std::nullopt;
}

std::string format_date(std::int64_t milliseconds, std::string_view format) {
  const std::string_view first = alternatives(format).front();
  if (first == "epoch_millis") return std::to_string(milliseconds);
  std::int64_t days = milliseconds / k_day, rest = milliseconds % k_day;
  if (rest < 0) {
    rest += k_day;
    --days;
  }
  if (first == "epoch_second") return std::to_string((milliseconds - rest % k_second) / k_second);
  using namespace std::chrono;
  const year_month_day date{sys_days{std::chrono::days{days}}};
  const auto pieces = pieces_of(is_iso(first) ? "yyyy-MM-dd'T'HH:mm:ss.SSSX" : pattern_of(first));
  std::string out;
  const auto append = [&out](int value, int width) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%0*d", width, value);
    out += text.data();
  };
  for (const Piece& piece : pieces.value_or(std::vector<Piece>())) {
    switch (piece.letter) {
      case 'y':
      case 'u':
        append(static_cast<int>(date.year()), 4);
        break;
      case 'M':
        append(static_cast<int>(static_cast<unsigned>(date.month())), piece.width);
        break;
      case 'd':
        append(static_cast<int>(static_cast<unsigned>(date.day())), piece.width);
        break;
      case 'H':
        append(static_cast<int>(rest / k_hour), piece.width);
        break;
      case 'm':
        append(static_cast<int>(rest / k_minute % 60), piece.width);
        break;
      case 's':
        append(static_cast<int>(rest / k_second % 60), piece.width);
        break;
      case 'S':
        append(static_cast<int>(rest % k_second), 3);
        break;
      case 'X':
      case 'Z':
        out += 'Z';
        break;
      default:
        out += piece.literal;
    }
  }
  return out;
}

}  // namespace sightline::elastic
