#include "ingest/picture_files.h"

#include <doctest/doctest.h>

#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

TEST_CASE("pictures are found by name in all folders below, in order, hidden ones left out") {
  const TemporaryFolder folder;
  for (const char* name :
       {"b.JPG", "a.png", "deep/er/c.webp", ".hidden.jpg", ".git/d.jpg", "notes.txt", "deep/e.jpeg.txt"}) {
    folder.write(name, "x");
  }
  std::filesystem::create_directory_symlink(folder.path(), folder.path() / "deep" / "loop");
  const auto found = find_pictures(folder.path());
  REQUIRE(found.ok());
  std::vector<std::string> names;
  for (const auto& picture : found->pictures) names.push_back(picture.name);
  CHECK(names == std::vector<std::string>{"a.png", "b.JPG", "deep/er/c.webp"});
  CHECK(found->ignored == 2);
}

TEST_CASE("a folder that is not there and a file over the limit are named") {
  const TemporaryFolder folder;
  CHECK(find_pictures(folder.path() / "absent").error().code == ErrorCode::not_found);
  const auto file = folder.write("a.jpg", "12345");
  CHECK(read_file(file, 5).value() == "12345");
  CHECK(read_file(file, 4).error().message.find("is 5 bytes; the limit is 4") != std::string::npos);
}
