// `.env` files: KEY=VALUE lines, as Elastic's own samples and start-local write them.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace sightline {

/// The file that is read where no other is given; it need not exist.
inline constexpr const char* k_default_env_file = ".env";

/// Reads KEY=VALUE lines. Blank lines and lines beginning with # are skipped, `export ` before a key is allowed, single
/// or double quotes around a value are removed, and of a key that appears twice the last value counts. Each
/// `${ES_LOCAL_PORT}` in a value, as start-local writes it, becomes that setting of the environment, else of the file,
/// wherever the file has it; it stays if neither has one. Nothing else in a value is interpreted. scripts/settings.bash
/// reads the same. A missing `k_default_env_file` is an empty map. Errors: invalid_argument naming the file that cannot
/// be read, or file and line of a line that is none of these.
Result<std::map<std::string, std::string>> read_env_file(const std::filesystem::path& file);

/// The value of the process environment, else of `file_values`; empty if neither has one.
std::string setting(const std::map<std::string, std::string>& file_values, const std::string& key);

}  // namespace sightline
