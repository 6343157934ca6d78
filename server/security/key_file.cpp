#include "server/security/key_file.h"

#include <system_error>

namespace sightline::security {

std::string key_file_warning(const std::string& kind, const std::filesystem::path& file) {
  using std::filesystem::perms;
  std::error_code unknown;
  const auto mode = std::filesystem::status(file, unknown).permissions();
  if (unknown || (mode & (perms::others_read | perms::others_write | perms::group_write)) == perms::none)
    return {};
  return "the " + kind + " " + file.string() + " is open to other users of this machine: chmod 600 " +
         file.string();
}

}  // namespace sightline::security
