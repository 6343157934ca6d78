#include "ingest/picture_files.h"

#include <atomic>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

TEST_CASE("pictures are found by name in all folders below, in order, hidden ones left out") {
  const TemporaryFolder folder;
  for (const char* name : {"b.JPG", "a.png", "deep/er/c.webp", "d.HEIC", "e.avif", ".hidden.jpg", ".git/d.jpg",
                           "notes.txt", "deep/e.jpeg.txt"}) {
    folder.write(name, "x");
  }
  std::filesystem::create_directory_symlink(folder.path(), folder.path() / "deep" / "loop");
  const auto found = find_pictures(folder.path());
  REQUIRE(found.ok());
  std::vector<std::string> names;
  for (const auto& picture : found->pictures) names.push_back(picture.name());
  CHECK(names == std::vector<std::string>{"a.png", "b.JPG", "d.HEIC", "deep/er/c.webp", "e.avif"});
  CHECK(found->ignored == 2);
}

TEST_CASE("a folder that is not there and a file over the limit are named") {
  const TemporaryFolder folder;
  CHECK(find_pictures(folder.path() / "absent").error().message.ends_with("absent is not a folder"));
  std::filesystem::create_symlink("circle", folder.path() / "circle");
  CHECK(find_pictures(folder.path() / "circle").error().message.find("cannot be inspected: Too many") !=
        std::string::npos);
  const auto file = folder.write("a.jpg", "12345");
  CHECK(read_file(file, 5).value() == "12345");
  CHECK(read_file(file, 4).error().message.find("is 5 bytes; the limit is 4") != std::string::npos);
}

namespace {

/// "name: reason" of each entry that could not be read.
std::vector<std::string> unreadable_in(const FoundPictures& found) {
  std::vector<std::string> lines;
  for (const UnreadableEntry& entry : found.unreadable) lines.push_back(entry.name + ": " + entry.reason);
  return lines;
}

/// Nothing is without permission for root: acts as another user until the end of the scope.
struct NotRoot {
  NotRoot() { is_nobody = ::geteuid() == 0 && ::seteuid(65534) == 0; }
  ~NotRoot() {
    if (is_nobody && ::seteuid(0) != 0) std::abort();
  }
  bool is_nobody = false;
};

void make_socket(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.native().size() < sizeof address.sun_path);
  path.native().copy(address.sun_path, path.native().size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(socket);
}

}  // namespace

TEST_CASE("what cannot be loaded is named, hidden or not, and the rest is found") {
  const TemporaryFolder folder;
  const auto& root = folder.path();
  folder.write("a.jpg", "x");
  folder.write("deep/b.jpg", "x");
  std::filesystem::create_symlink("/nowhere", root / ".hidden-link");
  std::filesystem::create_symlink("gone.jpg", root / "deep/link.jpg");
  std::filesystem::create_symlink("a.jpg", root / "good-link.jpg");
  std::filesystem::create_symlink("circle2.jpg", root / "circle1.jpg");
  std::filesystem::create_symlink("circle1.jpg", root / "circle2.jpg");
  std::filesystem::create_directory_symlink(root, root / "deep/again");
  std::filesystem::create_symlink("/dev/null", root / "null.jpg");
  REQUIRE(::mkfifo((root / "pipe.jpg").c_str(), 0600) == 0);
  make_socket(root / "s.sock");
  const auto found = find_pictures(root);
  REQUIRE(found.ok());
  std::vector<std::string> names;
  for (const auto& picture : found->pictures) names.push_back(picture.name());
  CHECK(names == std::vector<std::string>{"a.jpg", "deep/b.jpg", "good-link.jpg"});
  CHECK(unreadable_in(*found) ==
        std::vector<std::string>{".hidden-link: this link leads to /nowhere, which does not exist",
                                 "circle1.jpg: this link leads in a circle", "circle2.jpg: this link leads in a circle",
                                 "deep/link.jpg: this link leads to gone.jpg, which does not exist",
                                 "null.jpg: this is a device, not a file", "pipe.jpg: this is a named pipe, not a file",
                                 "s.sock: this is a socket, not a file"});
  CHECK(found->linked_folders == std::vector<std::string>{"deep/again"});
}

TEST_CASE("a folder without permission is named, and its neighbours are found") {
  const TemporaryFolder folder;
  folder.write("a.jpg", "x");
  folder.write("locked/b.jpg", "x");
  folder.write("open/c.jpg", "x");
  std::filesystem::permissions(folder.path(), static_cast<std::filesystem::perms>(0755));
  std::filesystem::permissions(folder.path() / "locked", std::filesystem::perms::none);
  const auto found = [&] {
    const NotRoot not_root;
    return find_pictures(folder.path());
  }();
  std::filesystem::permissions(folder.path() / "locked", std::filesystem::perms::owner_all);
  REQUIRE(found.ok());
  CHECK(found->pictures.size() == 2);
  CHECK(unreadable_in(*found) == std::vector<std::string>{"locked: this folder cannot be read: Permission denied"});
}

TEST_CASE("a path that is too long for the system is named") {
  const TemporaryFolder folder;
  folder.write("a.jpg", "x");
  // Made step by step: the whole path is longer than a system call takes.
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  for (int i = 0; i < 20; ++i) {
    std::filesystem::create_directory(std::string(250, 'd'));
    std::filesystem::current_path(std::string(250, 'd'));
  }
  std::filesystem::current_path(here);
  const auto found = find_pictures(folder.path());
  REQUIRE(found.ok());
  CHECK(found->pictures.size() == 1);
  REQUIRE(found->unreadable.size() == 1);
  CHECK(found->unreadable[0].reason.find("File name too long") != std::string::npos);
}

TEST_CASE("a name that is not UTF-8 becomes readable") {
  const TemporaryFolder folder;
  folder.write("caf\xE9.jpg", "x");
  const auto found = find_pictures(folder.path());
  REQUIRE(found.ok());
  REQUIRE(found->pictures.size() == 1);
  CHECK(found->pictures[0].name() == "caf\\xE9.jpg");
  CHECK(read_file(found->pictures[0].path(), 5).value() == "x");
}

TEST_CASE("a file that changes while it is read is not taken for a picture") {
  constexpr std::size_t k_bytes = 32u << 20;
  const TemporaryFolder folder;
  const auto file = folder.write("a.jpg", std::string(k_bytes, 'x'));
  CHECK(read_file(file, 2 * k_bytes).value().size() == k_bytes);
  std::atomic<bool> is_done = false;
  std::thread writer([&] {
    std::ofstream out(file, std::ios::binary | std::ios::app);
    while (!is_done) out.put('y').flush();
  });
  std::string seen;
  for (int i = 0; i < 1000 && seen.empty(); ++i) {  // the writer may not have run meanwhile
    const auto read = read_file(file, 2 * k_bytes);
    if (!read.ok()) seen = read.error().message;
  }
  is_done = true;
  writer.join();
  CHECK(seen.ends_with("it changed while it was read"));
}
