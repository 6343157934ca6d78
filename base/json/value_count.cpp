#include "base/json/value_count.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/json/plain_text.h"

namespace sightline::json {
namespace {

/// The bytes outside of strings after which a value or key follows.
constexpr std::array<std::uint8_t, 256> k_leads = [] {
  std::array<std::uint8_t, 256> leads{};
  leads['['] = leads['{'] = leads[','] = leads[':'] = 1;
  return leads;
}();

/// Offset after the string that begins at `at`. A line end also ends it: JSON strings contain none, so an unclosed
/// quote does not hide the following lines.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at;; ++at) {
    at = plain_end(text, at);
    if (at >= text.size() || text[at] == '\n') return std::min(at, text.size());
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] != '\n') ++at;
  }
}

}  // namespace

ValueCount count_values(std::string_view text, std::size_t max_all, std::size_t max_line) {
  ValueCount count;
  std::size_t line = 0;
  const auto end_line = [&] {
    count.all += line;
    count.largest_line = std::max(count.largest_line, line);
    line = 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at);
      continue;
    }
    line += k_leads[static_cast<unsigned char>(c)];
    if (c == '\n') end_line();
    ++at;
    if (line > max_line || count.all + line > max_all) break;
  }
  end_line();
  return count;
}

}  // namespace sightline::json
