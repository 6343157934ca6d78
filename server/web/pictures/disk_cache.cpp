#include "server/web/pictures/disk_cache.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/sha256.h"

namespace sightline::pictures {
namespace {

constexpr const char* k_lock = "lock";
constexpr std::string_view k_unfinished = ".new";
constexpr std::size_t k_name_length = 64, k_checksum_bytes = 64;
constexpr std::size_t k_block_bytes = 4096;  // what a file takes at the least, and is rounded up to
constexpr std::size_t k_largest_file = 64u << 20;

bool is_name(std::string_view name) {
  return name.size() == k_name_length && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::size_t on_disk(std::size_t bytes) {
  return (bytes + k_block_bytes - 1) / k_block_bytes * k_block_bytes;
}

Error folder_error(const std::filesystem::path& folder, const std::string& what) {
  return {ErrorCode::unavailable, "picture cache " + folder.string() + ": " + what};
}

/// Closes what it holds.
class File {
 public:
  File(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  ~File() {
    if (number_ >= 0) ::close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  const int number_;
};

/// All of a plain file; nullopt if it cannot be read, or is nothing of ours.
std::optional<std::string> read_all(const File& file) {
  struct stat found {};
  if (!file.is_open() || ::fstat(file.number(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  if (found.st_size < 0 || static_cast<std::size_t>(found.st_size) > k_largest_file) return std::nullopt;
  std::string bytes(static_cast<std::size_t>(found.st_size), '\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t count = ::read(file.number(), bytes.data() + at, bytes.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    at += static_cast<std::size_t>(count);
  }
  return bytes;
}

bool write_all(const File& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.number(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<DiskCache>> DiskCache::open(const std::filesystem::path& folder, std::size_t max_bytes) {
  std::unique_ptr<DiskCache> cache(new DiskCache(folder, max_bytes));
  if (Status status = cache->lock(); !status) return status.error();
  if (Status status = cache->list(); !status) return status.error();
  cache->make_room(0);
  return cache;
}

DiskCache::~DiskCache() {
  if (lock_file_ >= 0) ::close(lock_file_);
}

Status DiskCache::lock() {
  std::error_code problem;
  const bool made = std::filesystem::create_directories(folder_, problem);
  if (problem) return folder_error(folder_, "cannot be made: " + problem.message());
  if (made) ::chmod(folder_.c_str(), S_IRWXU);
  lock_file_ = ::open((folder_ / k_lock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_file_ < 0) return folder_error(folder_, std::string("cannot be written: ") + std::strerror(errno));
  if (::flock(lock_file_, LOCK_EX | LOCK_NB) != 0)
    return folder_error(folder_, "is in use by another server: use a separate folder for each");
  return {};
}

/// The files of earlier, the last used first. What was left unfinished is removed; what is not ours stays.
Status DiskCache::list() {
  struct Found {
    timespec used;
    Entry entry;
  };
  std::vector<Found> files;
  std::error_code problem;
  std::filesystem::directory_iterator at(folder_, problem);
  for (const std::filesystem::directory_iterator end; !problem && at != end; at.increment(problem)) {
    const std::string name = at->path().filename().string();
    struct stat found {};
    if (::lstat(at->path().c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
    if (is_name(name)) {
      files.push_back({found.st_mtim, {name, on_disk(static_cast<std::size_t>(found.st_size))}});
    } else if (name.ends_with(k_unfinished) && is_name(name.substr(0, name.size() - k_unfinished.size()))) {
      ::unlink(at->path().c_str());
    }
  }
  if (problem) return folder_error(folder_, "cannot be read: " + problem.message());
  std::sort(files.begin(), files.end(), [](const Found& a, const Found& b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) > std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  for (Found& file : files) {
    bytes_ += file.entry.bytes;
    entries_.push_back(std::move(file.entry));
    places_[entries_.back().name] = std::prev(entries_.end());
  }
  return {};
}

/// With the lock held, or before others know of this cache.
void DiskCache::forget(const std::string& name) {
  const auto found = places_.find(name);
  if (found == places_.end()) return;
  bytes_ -= found->second->bytes;
  entries_.erase(found->second);
  places_.erase(found);
}

/// The same.
void DiskCache::make_room(std::size_t bytes) {
  while (!entries_.empty() && bytes_ + bytes > max_bytes_) {
    const std::string oldest = entries_.back().name;
    ::unlink(path_of(oldest).c_str());
    forget(oldest);
  }
}

std::optional<std::string> DiskCache::get(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(name);
    if (found == places_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
  }
  const File file(path_of(name), O_RDONLY);
  std::optional<std::string> bytes = read_all(file);
  const bool is_whole = bytes && bytes->size() >= k_checksum_bytes &&
                        sha256_hex(std::string_view(*bytes).substr(k_checksum_bytes)) ==
                            std::string_view(*bytes).substr(0, k_checksum_bytes);
  if (is_whole) {
    ::futimens(file.number(), nullptr);  // the last used, also for whoever opens the folder next
    bytes->erase(0, k_checksum_bytes);
    return bytes;
  }
  const std::lock_guard lock(mutex_);
  ::unlink(path_of(name).c_str());
  forget(name);
  return std::nullopt;
}

void DiskCache::put(const std::string& name, std::string_view content) {
  const std::size_t bytes = on_disk(content.size() + k_checksum_bytes);
  if (!is_name(name) || bytes > max_bytes_) return;
  const std::lock_guard lock(mutex_);
  if (places_.contains(name)) return;
  make_room(bytes);
  const std::string path = path_of(name), unfinished = path + std::string(k_unfinished);
  ::unlink(unfinished.c_str());
  bool written = false;
  {
    const File file(unfinished, O_WRONLY | O_CREAT | O_EXCL);
    written = file.is_open() && write_all(file, sha256_hex(content)) && write_all(file, content);
  }
  if (!written || ::rename(unfinished.c_str(), path.c_str()) != 0) {
    ::unlink(unfinished.c_str());
    return;
  }
  entries_.push_front({name, bytes});
  places_[name] = entries_.begin();
  bytes_ += bytes;
}

std::size_t DiskCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace sightline::pictures
