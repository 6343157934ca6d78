// A cache on disk that outlives restarts.
#pragma once

#include <cstddef>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace sightline::pictures {

/// Files by name in a separate folder, within a limit on disk space; the least recently used one
/// is removed first, also after a restart.
///
/// A name is a SHA-256 in hexadecimal: nothing that comes from outside becomes a file's name. Each file
/// begins with the checksum of the rest, so that a truncated or changed one is detected, removed, and made
/// again. Files are written under another name and then renamed; only their owner can read them (0600, in a
/// folder of 0700 if it was not there before). Nothing is synced: files lost in a crash are made again. The
/// folder is locked against a second server.
/// Thread safety: all members may be called from any thread.
class DiskCache {
 public:
  /// Makes the folder if it is missing, and removes what is over `max_bytes`. Errors: unavailable, naming the
  /// folder (it cannot be made or read; another server uses it).
  static Result<std::unique_ptr<DiskCache>> open(const std::filesystem::path& folder, std::size_t max_bytes);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  /// nullopt: missing or damaged.
  std::optional<std::string> get(const std::string& name);
  /// Stores `content`; ignored if it cannot be written.
  void put(const std::string& name, std::string_view content);
  std::size_t bytes() const;

 private:
  struct Entry {
    std::string name;
    std::size_t bytes = 0;
  };

  DiskCache(std::filesystem::path folder, std::size_t max_bytes) : folder_(std::move(folder)), max_bytes_(max_bytes) {}
  Status lock();
  Status list();
  std::string path_of(const std::string& name) const { return (folder_ / name).string(); }
  void forget(const std::string& name);
  void make_room(std::size_t bytes);

  const std::filesystem::path folder_;
  const std::size_t max_bytes_;
  int lock_file_ = -1;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
  std::size_t bytes_ = 0;
};

}  // namespace sightline::pictures
