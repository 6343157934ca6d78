// The files of a store: their permissions, whether they are still those that were opened, and whether writing works.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "server/elastic/embedded/failures.h"

namespace sightline::elastic {

/// Receives a message for the operator, for the log.
using Warn = std::function<void(const std::string&)>;

/// Records whether a store's writes work, and logs one line when that changes. Thread safety: all members may be called
/// from any thread.
class StoreHealth {
 public:
  /// `warn` may be empty.
  explicit StoreHealth(Warn warn) : warn_(std::move(warn)) {}

  /// Something is wrong with the files.
  void found(const std::string& problem) { change(problem, false); }
  /// A write failed. This stays until a write works again.
  void failed(const std::string& problem) { change("writing failed: " + problem, true); }
  void works() { change("", false); }

  std::string problem() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return problem_;
  }
  bool write_failed() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return write_failed_;
  }

 private:
  void change(const std::string& problem, bool write_failed) {
    const std::lock_guard<std::mutex> lock(mutex_);
    write_failed_ = write_failed || (write_failed_ && !problem.empty());
    // One cause makes writes fail in several ways: the first is enough for the log.
    if (problem == problem_ || (write_failed && !problem_.empty())) return;
    problem_ = problem;
    if (warn_) warn_(problem.empty() ? "the store can be written again" : problem);
  }

  const Warn warn_;
  mutable std::mutex mutex_;
  std::string problem_;
  bool write_failed_ = false;
};

/// A folder with `store.db`, SQLite's files beside it, `store.uuid` (the store's uuid, which distinguishes a store that
/// has lost its database from a new one) and `lock`. Only their owner can read the folder and its files, because
/// definitions may hold secrets.
///
/// Flow: 1. The constructor creates the folder, restricts the permissions of what is there, and locks it.
///       2. The caller opens the database, and then calls `watch`.
///       3. `fault` compares the files that have these names now with those that were opened.
///
/// Thread safety: `fault` may be called from any thread after `watch`.
class StoreFiles {
 public:
  /// Locks the folder. Throws StorageFailed: unavailable (another server uses the folder, or it cannot be written),
  /// corrupt_data (the database is missing or empty although there was one).
  StoreFiles(std::filesystem::path folder, const Warn& warn);
  StoreFiles(const StoreFiles&) = delete;
  StoreFiles& operator=(const StoreFiles&) = delete;

  const std::string& database() const { return database_; }
  /// True if there is no database yet. Create it under the name `unfinished`, then give it its final name by `finish`:
  /// so an empty `store.db` was never complete.
  bool is_new() const { return is_new_; }
  std::string unfinished() const { return database_ + ".new"; }
  void finish();

  /// Throws StorageFailed, corrupt_data, if the folder has a different uuid. Writes the uuid if there is none.
  void check_uuid(const std::string& uuid);

  /// Records the files as they are now, for `fault`.
  void watch();
  /// What happened to the files; nothing if they are those that were opened.
  std::optional<std::string> fault();

 private:
  struct Watched {
    std::string name;             ///< within the folder; empty: the folder
    bool may_be_missing = false;  ///< until it exists for the first time
    bool known = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t least_size = -1;  ///< largest size seen; -1: the file may shrink
  };

  void lock();
  void check_database();
  void tighten(const Warn& warn);
  std::optional<std::string> fault_of(Watched& file) const;

  const std::filesystem::path folder_;
  const std::string database_;
  /// A descriptor that its destructor closes.
  struct File {
    int descriptor = -1;
    ~File();
  };
  File folder_lock_, lock_file_;
  bool is_new_ = false;
  std::mutex mutex_;
  std::vector<Watched> watched_;
};

}  // namespace sightline::elastic
