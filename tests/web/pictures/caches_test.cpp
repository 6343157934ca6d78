#include <chrono>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "base/sha256.h"
#include "server/web/pictures/disk_cache.h"
#include "tests/base/temporary_folder.h"

namespace sightline::pictures {
namespace {

std::string name(int number) {
  return sha256_hex(std::to_string(number));
}

std::unique_ptr<DiskCache> opened(const std::filesystem::path& folder, std::size_t max_bytes) {
  auto cache = DiskCache::open(folder, max_bytes);
  REQUIRE_MESSAGE(cache, (cache ? "" : cache.error().message));
  return *std::move(cache);
}

/// As if the file had been used so many seconds ago.
void age(const std::filesystem::path& file, int seconds) {
  const auto used = std::filesystem::file_time_type::clock::now() - std::chrono::seconds(seconds);
  std::filesystem::last_write_time(file, used);
}

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) count += entry.path().filename() != "lock";
  return count;
}

}  // namespace

TEST_CASE("what was kept on disk is there after a restart, and whose turn it is to go") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "pictures";
  {
    const auto cache = opened(path, 1 << 20);
    for (int i = 0; i < 4; ++i) cache->put(name(i), "picture " + std::to_string(i));
    CHECK(cache->get(name(2)) == "picture 2");
    CHECK_FALSE(cache->get(name(9)));
  }
  for (int i = 0; i < 4; ++i) age(path / name(i), 100 - i);
  {
    const auto cache = opened(path, 1 << 20);
    CHECK(cache->bytes() == 4 * 4096);
    CHECK(cache->get(name(0)) == "picture 0");  // now the youngest
  }
  const auto cache = opened(path, 3 * 4096);
  CHECK(cache->bytes() == 3 * 4096);
  CHECK_FALSE(cache->get(name(1)));
  cache->put(name(5), "picture 5");
  CHECK_FALSE(cache->get(name(2)));
  CHECK(cache->get(name(0)) == "picture 0");
  CHECK(cache->get(name(5)) == "picture 5");
  CHECK(files_in(path) == 3);
}

TEST_CASE("a damaged file is noticed, removed and can be kept anew") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "pictures";
  const auto cache = opened(path, 1 << 20);
  const std::string content(5000, 'p');
  for (int i = 0; i < 3; ++i) cache->put(name(i), content);
  {
    std::fstream file(path / name(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3000);
    file.put('q');
  }
  std::filesystem::resize_file(path / name(1), 4000);
  std::filesystem::remove(path / name(2));
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(cache->get(name(i)));
    CHECK_FALSE(std::filesystem::exists(path / name(i)));
    cache->put(name(i), content);
    CHECK(cache->get(name(i)) == content);
  }
  CHECK(cache->bytes() == 3 * 8192);
}

TEST_CASE("a link in a file's place is not followed") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "pictures";
  const auto cache = opened(path, 1 << 20);
  cache->put(name(0), "picture");
  std::filesystem::rename(path / name(0), folder.path() / "elsewhere");
  std::filesystem::create_symlink(folder.path() / "elsewhere", path / name(0));
  CHECK_FALSE(cache->get(name(0)));
  CHECK(std::filesystem::exists(folder.path() / "elsewhere"));
}

TEST_CASE("files on disk are their owner's alone, and only hashes become names") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a" / "pictures";
  const auto cache = opened(path, 1 << 20);
  cache->put(name(0), "picture");
  struct stat found {};
  REQUIRE(::stat((path / name(0)).c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0700);
  for (const std::string& bad : {std::string("../x"), std::string("x"), std::string(64, 'g'), name(1) + "/"})
    cache->put(bad, "picture");
  CHECK(files_in(path) == 1);
  CHECK(files_in(folder.path() / "a") == 1);
}

TEST_CASE("what a crash left unfinished is removed, what is another's stays") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "pictures";
  folder.write("pictures/" + name(0) + ".new", "half");
  folder.write("pictures/README", "mine");
  const auto cache = opened(path, 4096);
  cache->put(name(1), "picture");
  cache->put(name(2), "picture");
  CHECK_FALSE(std::filesystem::exists(path / (name(0) + ".new")));
  CHECK(std::filesystem::exists(path / "README"));
}

TEST_CASE("a second server with the same folder is told so") {
  const TemporaryFolder folder;
  const auto first = opened(folder.path(), 1 << 20);
  const auto second = DiskCache::open(folder.path(), 1 << 20);
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("is in use by another server: use a separate folder for each") !=
        std::string::npos);
  CHECK(DiskCache::open("/proc/nowhere", 1 << 20).error().code == ErrorCode::unavailable);
}

}  // namespace sightline::pictures
