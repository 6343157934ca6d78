#include "server/elastic/embedded/search/decimal.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace sightline::elastic {
namespace {

template <class Float>
void append_number(std::string& out, Float value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace

void append_decimal(std::string& out, float value) {
  append_number(out, value);
}
void append_decimal(std::string& out, double value) {
  append_number(out, value);
}

}  // namespace sightline::elastic
