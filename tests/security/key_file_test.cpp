#include "server/security/key_file.h"

#include <doctest/doctest.h>
#include <fstream>

#include "tests/base/temporary_folder.h"

namespace sightline::security {

TEST_CASE("a file of keys that others may read or change gets a warning that says what to do") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "keys";
  std::ofstream(file) << "secret-key\n";
  using std::filesystem::perms;
  for (const int open : {0644, 0604, 0602, 0660}) {
    CAPTURE(open);
    std::filesystem::permissions(file, perms(open));
    CHECK(key_file_warning("API key file", file) == "the API key file " + file.string() +
                                                        " is open to other users of this machine: chmod 600 " +
                                                        file.string());
  }
  for (const int closed : {0600, 0400, 0640}) {
    CAPTURE(closed);
    std::filesystem::permissions(file, perms(closed));
    CHECK(key_file_warning("API key file", file).empty());
  }
}

}  // namespace sightline::security
