#include "server/quantity_text.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "base/ascii_lower.h"
#include "base/number_text.h"
#include "base/trimmed.h"

namespace sightline {
namespace {

constexpr std::size_t k_most_shown = 40;
constexpr std::int64_t k_ms_per_hour = 3'600'000;
constexpr std::uint64_t k_longest_ms = 100'000 * std::uint64_t{k_ms_per_hour};

struct Quantity {
  std::uint64_t count;
  std::string_view unit;  ///< may be empty
};

/// Nothing if `text` does not begin with a number, or with one that is too large.
std::optional<Quantity> quantity_in(std::string_view text) {
  text = trimmed(text, " \t");
  const std::size_t digits = std::min(text.size(), text.find_first_not_of("0123456789"));
  const auto count = number_from<std::uint64_t>(text.substr(0, digits));
  if (!count) return std::nullopt;
  return Quantity{*count, trimmed(text.substr(digits), " \t")};
}

/// "", "b", "k", "kb", "kib", "m" ...: the bytes of one.
std::optional<std::uint64_t> bytes_of_unit(std::string_view written) {
  std::string unit = ascii_lower(written);
  if (unit.ends_with('b')) unit.pop_back();
  if (unit.size() == 2 && unit.back() == 'i') unit.pop_back();
  if (unit.empty()) return 1;
  const std::size_t power = std::string_view("kmgtp").find(unit);
  if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
  return std::uint64_t{1} << (10 * (power + 1));
}

std::optional<std::uint64_t> ms_of_unit(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1000;
  if (unit == "m") return 60'000;
  if (unit == "h") return k_ms_per_hour;
  return std::nullopt;
}

Error refused(std::string_view text, const char* what) {
  return {ErrorCode::invalid_argument, "[" + std::string(text.substr(0, k_most_shown)) + "] " + what};
}

}  // namespace

Result<std::uint64_t> size_from(std::string_view text) {
  const auto quantity = quantity_in(text);
  const auto unit = quantity ? bytes_of_unit(quantity->unit) : std::nullopt;
  if (!unit) return refused(text, "must be a size: a whole number with B, kB, MB, GB or TB, like 20MB");
  if (quantity->count > std::numeric_limits<std::int64_t>::max() / *unit)
    return refused(text, "is too large: sizes end below 8,388,608 TB");
  return quantity->count * *unit;
}

Result<std::chrono::milliseconds> time_from(std::string_view text) {
  const auto quantity = quantity_in(text);
  const auto unit = quantity ? ms_of_unit(quantity->unit) : std::nullopt;
  if (!unit) return refused(text, "must be a time: a whole number with ms, s, m or h, like 500ms or 10s");
  if (quantity->count > k_longest_ms / *unit) return refused(text, "is too long: the longest time is 100000h");
  return std::chrono::milliseconds(quantity->count * *unit);
}

}  // namespace sightline
