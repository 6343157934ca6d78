#include "server/elastic/inference/time_value.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/number_text.h"

namespace sightline::elastic {

using std::chrono::milliseconds;

Answer<milliseconds> parse_time_value(std::string_view text, std::string_view setting) {
  static constexpr std::array<std::pair<std::string_view, long long>, 7> k_units{
      {{"nanos", 0}, {"micros", 0}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const std::string value(text);
  for (const auto& [unit, factor] : k_units) {
    if (!text.ends_with(unit)) continue;
    const auto number = text.substr(0, text.size() - unit.size());
    const auto count = number_from<long long>(number);
    if (!count || *count < 0 || *count > 1'000'000'000) break;
    return std::max(milliseconds(1), milliseconds(*count * factor));
  }
  return illegal_argument("failed to parse setting [" + std::string(setting) + "] with value [" + value +
                          "] as a time value: unit is missing or unrecognized");
}

}  // namespace sightline::elastic
