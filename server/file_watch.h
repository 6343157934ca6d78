// Notices that files have changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

namespace sightline {

/// Compares files with how they were at the last look, by modification time, size and inode, so that a file that
/// another was moved over counts as changed, and so does one behind a symbolic link (as Kubernetes mounts secrets).
/// Thread safety: all members may be called from any thread.
class FileWatch {
 public:
  /// Empty names are ignored.
  explicit FileWatch(const std::vector<std::string>& files);

  /// True if a file has changed, appeared or vanished since the last call, or since the construction.
  bool changed();
  bool empty() const { return files_.empty(); }

 private:
  struct State {
    std::int64_t modified = 0;  ///< nanoseconds
    std::uint64_t size = 0, inode = 0, device = 0;
    bool operator==(const State&) const = default;
  };
  static State state_of(const std::filesystem::path& file);

  std::vector<std::filesystem::path> files_;
  std::mutex mutex_;
  std::vector<State> seen_;
};

}  // namespace sightline
