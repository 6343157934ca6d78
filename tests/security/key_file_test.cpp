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
                                                        " is readable by other users of this machine: chmod 600 " +
                                                        file.string());
  }
  for (const int closed : {0600, 0400, 0640}) {
    CAPTURE(closed);
    std::filesystem::permissions(file, perms(closed));
    CHECK(key_file_warning("API key file", file).empty());
  }
}

TEST_CASE("a file of keys that cannot be read is an error that says which file and why") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "keys";
  CHECK(read_key_file("API key file", file).error().message ==
        "cannot read the API key file " + file.string() + ": No such file or directory");
  CHECK(read_key_file("API key file", folder.path()).error().message ==
        "cannot read the API key file " + folder.path().string() + ": it is a folder");
  for (const char* text : {"", "one\ntwo\n", "no newline"}) {
    std::ofstream(file) << text;
    CHECK(*read_key_file("API key file", file) == text);
  }
}

}  // namespace sightline::security
