#include "base/env_file.h"

#include <cstdlib>
#include <fstream>

namespace sightline {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string unquoted(std::string value) {
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  return quoted ? value.substr(1, value.size() - 2) : value;
}

}  // namespace

Result<std::map<std::string, std::string>> read_env_file(const std::filesystem::path& file) {
  std::map<std::string, std::string> values;
  std::ifstream in(file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    const auto equals = line.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::invalid_argument, file.string() + ", line " + std::to_string(number) +
                                                    ": expected KEY=VALUE or a comment beginning with #"};
    }
    values[trimmed(line.substr(0, equals))] = unquoted(trimmed(line.substr(equals + 1)));
  }
  return values;
}

std::string setting(const std::map<std::string, std::string>& file_values, const std::string& key) {
  if (const char* value = std::getenv(key.c_str()); value != nullptr && *value != '\0') return value;
  const auto found = file_values.find(key);
  return found == file_values.end() ? std::string() : found->second;
}

}  // namespace sightline
