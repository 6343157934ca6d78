#include "base/env_file.h"

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/readable_file.h"
#include "base/trimmed.h"

namespace sightline {
namespace {

constexpr std::string_view k_blanks = " \t\r";
constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view k_port = "${ES_LOCAL_PORT}";

std::string unquoted(std::string_view value) {
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  return std::string(quoted ? value.substr(1, value.size() - 2) : value);
}

/// Puts the port in each place for it.
void fill_in(std::string& value, const std::string& port) {
  for (std::size_t at = value.find(k_port); at != std::string::npos; at = value.find(k_port, at + port.size()))
    value.replace(at, k_port.size(), port);
}

}  // namespace

Result<std::map<std::string, std::string>> read_env_file(const std::filesystem::path& file) {
  std::map<std::string, std::string> values;
  std::error_code unknown;
  if (file == k_default_env_file && !std::filesystem::exists(file, unknown) && !unknown) return values;
  if (const std::string trouble = trouble_reading(file); !trouble.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "the settings file " + file.string() + " (--env-file) cannot be read: " + trouble};
  }
  std::ifstream in(file);
  std::string text;
  for (int number = 1; std::getline(in, text); ++number) {
    std::string_view line = text;
    if (number == 1 && line.starts_with(k_byte_order_mark)) line.remove_prefix(k_byte_order_mark.size());
    line = trimmed(line, k_blanks);
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
  if (const std::string port = setting(values, "ES_LOCAL_PORT"); !port.empty()) {
    for (auto& [name, value] : values) fill_in(value, port);
  }
  return values;
}

std::string setting(const std::map<std::string, std::string>& file_values, const std::string& key) {
  if (const char* value = std::getenv(key.c_str()); value != nullptr && *value != '\0') return value;
  const auto found = file_values.find(key);
  return found == file_values.end() ? std::string() : found->second;
}

}  // namespace sightline
