// Folders of models made for a test, and the small models that are shipped with the tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/base/temporary_folder.h"
#include "tests/source_folder.h"

namespace sightline::models::testing {

inline std::filesystem::path fixture(std::string_view name) {
  return source_folder() / "tests" / "fixtures" / "models" / name;
}

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file.string() + " is missing");
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

/// `text` with the first `from` replaced; throws if there is none, so that a test cannot pass by changing
/// nothing.
inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t place = text.find(from);
  if (place == std::string::npos) throw std::runtime_error("nothing to replace: " + std::string(from));
  return text.replace(place, from.size(), to);
}

}  // namespace sightline::models::testing
