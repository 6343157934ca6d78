#include "base/float_text.h"

#include <cassert>
#include <charconv>
#include <cmath>

namespace sightline {
namespace {
constexpr std::size_t k_longest_float = 16;  // "-1.17549435e-38" and a little
}

void append_float(std::string& out, float value) {
  assert(std::isfinite(value));
  char text[k_longest_float + 8];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

void append_float_array(std::string& out, std::span<const float> values) {
  out.reserve(out.size() + values.size() * k_longest_float + 2);
  out.push_back('[');
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_float(out, values[i]);
  }
  out.push_back(']');
}

}  // namespace sightline
