#include "server/file_watch.h"

#include <sys/stat.h>

namespace sightline {

FileWatch::FileWatch(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (file.empty()) continue;
    files_.emplace_back(file);
    seen_.push_back(state_of(files_.back()));
  }
}

bool FileWatch::changed() {
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const State now = state_of(files_[i]);
    any |= now != seen_[i];
    seen_[i] = now;
  }
  return any;
}

FileWatch::State FileWatch::state_of(const std::filesystem::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec, static_cast<std::uint64_t>(found.st_size),
          found.st_ino, found.st_dev};
}

}  // namespace sightline
