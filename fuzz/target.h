// Shared by the fuzz targets. A target is a function that is called with endless inputs. An input that ends the
// process, or that a sanitizer reports, is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sightline::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the process, as a finding, if a property does not hold.
inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

/// The part before the first line that is only "---", and the part after it: for targets with two inputs.
struct Halves {
  std::string_view first, second;
};
inline Halves halves_of(std::string_view text) {
  constexpr std::string_view k_line = "\n---\n";
  const std::size_t at = text.find(k_line);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + k_line.size())};
}

}  // namespace sightline::fuzz
