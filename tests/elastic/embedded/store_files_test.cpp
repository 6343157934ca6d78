// The files of a store: who may read them, and what happens when somebody takes them away.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/elastic/embedded/document_writer.h"
#include "tests/elastic/embedded/store_fixture.h"

namespace sightline::elastic {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const fs::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

std::string error_of_opening(const fs::path& folder) {
  const auto opened = open_embedded_store(folder);
  return opened ? "" : opened.error().message;
}

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a store's folder and files are their owner's alone") {
  StoreFixture store;
  store.put("/i/_doc/1", "{}");
  const auto check = [&] {
    CHECK(mode_of(store.folder()) == 0700);
    for (const char* name : {"store.db", "store.db-wal", "store.db-shm", "store.uuid", "lock"}) {
      CAPTURE(name);
      CHECK(mode_of(store.folder() / name) == 0600);
    }
  };
  check();
  CHECK(store.warnings.size() <= 1);  // the folder was made by the test

  store.close();
  store.warnings.clear();
  fs::permissions(store.folder(), fs::perms(0755));
  for (const char* name : {"store.db", "lock"}) fs::permissions(store.folder() / name, fs::perms(0644));
  store.reopen();
  store.put("/i/_doc/1", "{}");
  check();
  REQUIRE(store.warnings.size() == 1);
  CHECK(has(store.warnings[0], "others could read it"));
  store.reopen();
  CHECK(store.warnings.size() == 1);
}

TEST_CASE("a new folder and its files are their owner's alone from the beginning, so that nothing is said") {
  TemporaryFolder above;
  const fs::path folder = above.path() / "a" / "store";
  std::vector<std::string> warnings;
  const auto store = StoreCore::open(folder, std::chrono::steady_clock::now, {},
                                     [&](const std::string& text) { warnings.push_back(text); });
  REQUIRE(store.ok());
  CHECK(mode_of(folder) == 0700);
  for (const char* name : {"store.db", "store.uuid", "lock"}) CHECK(mode_of(folder / name) == 0600);
  CHECK(warnings.empty());
}

TEST_CASE("a folder is not opened while an older server holds its lock file") {
  TemporaryFolder folder;
  const int lock = ::open((folder.path() / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  REQUIRE(::flock(lock, LOCK_EX | LOCK_NB) == 0);
  CHECK(has(error_of_opening(folder.path()), "in use by another server"));
  ::close(lock);
  CHECK(error_of_opening(folder.path()).empty());
}

TEST_CASE("a transaction whose files are taken away is neither begun nor committed") {
  TemporaryFolder folder;
  auto store = StoreCore::open(folder.path(), std::chrono::steady_clock::now);
  REQUIRE(store.ok());
  const DocumentWrite write{DocumentWrite::Action::index, "i", "1", "{}", {}, {}};
  {
    WriteTransaction transaction(**store);
    transaction.ensure_index("i");
    transaction.begin();
    transaction.apply(write);
    fs::rename(folder.path() / "store.db", folder.path() / "aside");
    try {
      transaction.commit();
      FAIL("committed");
    } catch (const StorageFailed& failed) {
      CHECK(has(failed.error.message, "store.db is gone"));
    }
  }
  CHECK_THROWS_AS(WriteTransaction(**store).begin(), StorageFailed);
  fs::rename(folder.path() / "aside", folder.path() / "store.db");
  CHECK_FALSE((*store)->find_one("i")->fetch_by_id("1", true).has_value());
}

TEST_CASE("a store that nobody writes to notices by itself what becomes of its files and its disk") {
  TemporaryFolder folder;
  std::vector<std::string> warnings;
  auto store = StoreCore::open(folder.path(), std::chrono::steady_clock::now, {},
                               [&](const std::string& text) { warnings.push_back(text); });
  REQUIRE(store.ok());
  warnings.clear();
  fs::rename(folder.path() / "store.db", folder.path() / "aside");
  for (int i = 0; i < 3; ++i) (*store)->check();
  REQUIRE(warnings.size() == 1);
  CHECK(has(warnings[0], "store.db is gone"));
  fs::rename(folder.path() / "aside", folder.path() / "store.db");
  (*store)->check();
  CHECK(warnings.size() == 2);
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit full{4096, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  bool refused = false;
  try {
    (*store)->create_index("i", {});
  } catch (const StorageFailed&) {
    refused = true;
  }
  (*store)->check();
  const bool still_full = warnings.size() == 3;
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, before);
  CHECK(refused);
  CHECK(still_full);
  (*store)->check();
  REQUIRE(warnings.size() == 4);
  CHECK(has(warnings[3], "can be written again"));
}

TEST_CASE("writes into files that are no longer there are refused, and said once") {
  StoreFixture store;
  store.put("/i/_doc/1", R"({"a":1})");
  store.warnings.clear();
  const fs::path database = store.folder() / "store.db", wal = store.folder() / "store.db-wal",
                 aside = store.folder() / "aside";
  const auto refused = [&](const char* what) {
    for (int i = 0; i < 2; ++i) {
      for (const Reply& reply :
           {store.put("/i/_doc/2", "{}"), store.post("/_bulk", "{\"index\":{\"_index\":\"i\"}}\n{}\n"),
            store.put("/new"), store.remove("/i"), store.put("/i/_alias/a"),
            store.put("/i/_mapping", R"({"properties":{"b":{"type":"long"}}})"),
            store.put("/i/_settings", R"({"index.priority":2})")}) {
        CHECK(reply.status == 503);
        CHECK(reply.error_type() == "cluster_block_exception");
        CHECK(has(reply.reason(), what));
      }
    }
    CHECK(has(store.problem(), what));
    CHECK(store.get("/_cluster/health").at("/status") == "red");
    REQUIRE(store.warnings.size() == 1);
    CHECK(has(store.warnings[0], what));
    CHECK(has(store.warnings[0], "start the server again"));
  };
  const auto works_again = [&] {
    CHECK(store.problem().empty());
    CHECK(store.warnings.size() == 2);
    CHECK(store.put("/i/_doc/2", "{}").status != 503);
    CHECK(store.get("/_cluster/health").at("/status") == "yellow");
    store.warnings.clear();
  };
  SUBCASE("the database is gone") {
    fs::rename(database, aside);
    refused("store.db is gone");
    fs::rename(aside, database);
    works_again();
  }
  SUBCASE("the database is another") {
    fs::rename(database, aside);
    fs::copy_file(aside, database);
    refused("store.db has been replaced by another");
    fs::rename(aside, database);
    works_again();
  }
  SUBCASE("the log of writes is gone") {
    fs::rename(wal, aside);
    refused("store.db-wal is gone");
    fs::rename(aside, wal);
    works_again();
  }
  SUBCASE("the log of writes is cut") {
    fs::resize_file(wal, 0);
    refused("store.db-wal has been cut from ");
  }
  SUBCASE("the lock is gone") {
    fs::rename(store.folder() / "lock", aside);
    refused("lock is gone");
    CHECK(has(error_of_opening(store.folder()), "in use by another server"));
  }
  SUBCASE("the folder is gone") {
    const fs::path moved = store.folder().string() + "-moved";
    fs::rename(store.folder(), moved);
    refused("the folder is gone");
    fs::rename(moved, store.folder());
    works_again();
  }
}

TEST_CASE("a store that has lost its database does not start empty") {
  StoreFixture store;
  store.put("/i/_doc/1", "{}");
  store.close();
  const fs::path database = store.folder() / "store.db";
  SUBCASE("cut to nothing") {
    fs::resize_file(database, 0);
    CHECK(has(error_of_opening(store.folder()), "store.db is empty"));
    CHECK(fs::file_size(database) == 0);
  }
  SUBCASE("missing") {
    fs::remove(database);
    CHECK(has(error_of_opening(store.folder()), "store.db is missing, but store.uuid says that there was a store"));
    CHECK_FALSE(fs::exists(database));
  }
  SUBCASE("that of another") {
    StoreFixture other;
    other.close();
    fs::copy_file(other.folder() / "store.db", database, fs::copy_options::overwrite_existing);
    CHECK(has(error_of_opening(store.folder()), "but the folder is that of the store ["));
  }
  SUBCASE("a store of before there was a uuid opens, and gets one") {
    fs::remove(store.folder() / "store.uuid");
    store.reopen();
    CHECK(store.count("i") == "1");
    CHECK(fs::exists(store.folder() / "store.uuid"));
  }
}

TEST_CASE("an index of an earlier version whose table of search records was not made yet is opened") {
  StoreFixture store;
  store.put("/i/_doc/1", "{}");
  store.put("/unfinished", "{}");
  store.close();
  sqlite::Connection::open((store.folder() / "store.db").string(), sqlite::Connection::Mode::read_write)
      ->execute("DROP TABLE search_1_2");
  store.reopen();
  CHECK(store.count("i") == "1");
  CHECK(store.put("/unfinished/_doc/1", "{}").status == 201);
  CHECK(store.count("unfinished") == "1");
}

TEST_CASE("a start that was broken off before the store was whole is begun again") {
  TemporaryFolder folder;
  std::ofstream(folder.path() / "store.db.new") << "half";
  CHECK(error_of_opening(folder.path()).empty());
  CHECK_FALSE(fs::exists(folder.path() / "store.db.new"));
}

TEST_CASE("a disk that is full is said once, and so is that it works again") {
  StoreFixture store;
  store.put("/i/_doc/1", "{}");
  store.warnings.clear();
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit full{4096, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  const Reply first = store.put("/i/_doc/2", "{}"), second = store.put("/i/_doc/3", "{}");
  const std::string problem = store.problem();
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, before);
  CHECK(first.status == 500);
  CHECK(second.status == 500);
  CHECK(has(problem, "writing failed: "));
  REQUIRE(store.warnings.size() == 1);
  CHECK(has(store.warnings[0], "writing failed: "));
  CHECK(store.put("/i/_doc/2", "{}").status == 201);
  CHECK(store.problem().empty());
  REQUIRE(store.warnings.size() == 2);
  CHECK(has(store.warnings[1], "can be written again"));
}

}  // namespace
}  // namespace sightline::elastic
