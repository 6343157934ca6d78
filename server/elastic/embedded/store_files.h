// The files of a store: who may read them, whether they are still those that were opened, and whether writing works.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "server/elastic/embedded/failures.h"

namespace sightline::elastic {

/// Says in words, for a log, what the operator should know.
using Warn = std::function<void(const std::string&)>;

/// Whether a store's writes work, and one log line when that changes. Thread safety: all members may be called from
/// any thread.
class StoreHealth {
 public:
  /// `warn` may be empty.
  explicit StoreHealth(Warn warn) : warn_(std::move(warn)) {}

  /// Something is wrong with the files.
  void found(const std::string& problem) { change(problem, false); }
  /// A write failed; until one works again.
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
    // Writes fail in several ways for one cause: the first is enough for the log.
    if (problem == problem_ || (write_failed && !problem_.empty())) return;
    problem_ = problem;
    if (warn_) warn_(problem.empty() ? "the store can be written again" : problem);
  }

  const Warn warn_;
  mutable std::mutex mutex_;
  std::string problem_;
  bool write_failed_ = false;
};

/// A folder with `store.db`, what SQLite keeps beside it, `store.uuid` (the store's uuid, which tells a store
/// that has lost its database from a new one) and `lock`. The folder and its files belong to their owner
/// alone, since definitions may hold secrets.
///
/// Flow: 1. The constructor makes the folder, tightens who may read what is there, and locks it.
///       2. The caller opens the database, and says so by `watch`.
///       3. `fault` compares what the names stand for now with what was opened.
/// Thread safety: `fault` may be called from any thread after `watch`.
class StoreFiles {
 public:
  /// Claims the folder. Throws StorageFailed: unavailable (another server holds the folder, or it cannot be written),
  /// corrupt_data (the database is missing or empty although there was one).
  StoreFiles(std::filesystem::path folder, const Warn& warn);
  StoreFiles(const StoreFiles&) = delete;
  StoreFiles& operator=(const StoreFiles&) = delete;

  const std::string& database() const { return database_; }
  /// True if there is no database yet. It is to be made under the name `unfinished`, and then to get its own
  /// by `finish`: so an empty one was never whole.
  bool is_new() const { return is_new_; }
  std::string unfinished() const { return database_ + ".new"; }
  void finish();

  /// Throws StorageFailed, corrupt_data, if the folder's uuid is another. Writes it if there is none.
  void check_uuid(const std::string& uuid);

  /// From now on `fault` looks at the files as they are.
  void watch();
  /// What happened to the files, in words; nothing if they are those that were opened.
  std::optional<std::string> fault();

 private:
  struct Watched {
    std::string name;             ///< within the folder; empty: the folder
    bool may_be_missing = false;  ///< until it is there for the first time
    bool known = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t least_size = -1;  ///< that it has had; -1: it may shrink
  };

  void lock();
  void check_database();
  void tighten(const Warn& warn);
  std::optional<std::string> fault_of(Watched& file) const;

  const std::filesystem::path folder_;
  const std::string database_;
  /// A descriptor that is closed at the end of its life.
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
