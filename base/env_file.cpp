#include "base/env_file.h"

#include <cstdlib>
#include <fstream>

#include "base/trimmed.h"

namespace sightline {
namespace {

constexpr std::string_view k_blanks = " \t\r";

std::string unquoted(std::string_view value) {
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  return std::string(quoted ? value.substr(1, value.size() - 2) : value);
}

}  // namespace

Result<std::map<std::string, std::string>> read_env_file(const std::filesystem::path& file) {
  std::map<std::string, std::string> values;
  std::ifstream in(file);
  std::string text;
  for (int number = 1; std::getline(in, text); ++number) {
    std::string_view line = trimmed(text, k_blanks);
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("export ")) line = trimmed(line.substr(7), k_blanks);
    const auto equals = line.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::invalid_argument, file.string() + ", line " + std::to_string(number) +
                                                    ": expected KEY=VALUE or a comment beginning with #"};
    }
    values[std::string(trimmed(line.substr(0, equals), k_blanks))] =
        unquoted(trimmed(line.substr(equals + 1), k_blanks));
  }
  return values;
}

std::string setting(const std::map<std::string, std::string>& file_values, const std::string& key) {
  if (const char* value = std::getenv(key.c_str()); value != nullptr && *value != '\0') return value;
  const auto found = file_values.find(key);
  return found == file_values.end() ? std::string() : found->second;
}

}  // namespace sightline
