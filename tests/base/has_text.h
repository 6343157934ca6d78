// A check on messages.
#pragma once

#include <doctest/doctest.h>
#include <string>

namespace sightline {

inline void has(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace sightline
