#include "server/security/key_file.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/readable_file.h"

namespace sightline::security {

Result<std::string> read_key_file(const std::string& kind, const std::filesystem::path& file) {
  const std::string cannot = "cannot read the " + kind + " " + file.string();
  if (const std::string trouble = trouble_reading(file); !trouble.empty())
    return Error{ErrorCode::not_found, cannot + ": " + trouble};
  errno = 0;
  std::ifstream in(file);
  std::ostringstream text;
  if (in && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (!in.is_open() || in.bad()) {
    return Error{ErrorCode::not_found, cannot + ": " + std::generic_category().message(errno)};
  }
  return std::move(text).str();
}

std::string key_file_warning(const std::string& kind, const std::filesystem::path& file) {
  using std::filesystem::perms;
  std::error_code unknown;
  const auto mode = std::filesystem::status(file, unknown).permissions();
  if (unknown || (mode & (perms::others_read | perms::others_write | perms::group_write)) == perms::none) return {};
  return "the " + kind + " " + file.string() + " is readable by other users of this machine: chmod 600 " +
         file.string();
}

}  // namespace sightline::security
