#include "ingest/report_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sightline::ingest {
namespace {

bool begins_with(const std::filesystem::path& file, std::string_view beginning) {
  std::string begin(beginning.size(), '\0');
  return std::ifstream(file, std::ios::binary).read(begin.data(), std::ssize(begin)) && begin == beginning;
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// Standard output or error, if that goes to this file.
std::optional<int> stream_into(const struct stat& file) {
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat status {};
    if (::fstat(stream, &status) == 0 && is_same(status, file)) return stream;
  }
  return {};
}

}  // namespace

Result<ReportFile> ReportFile::open(const std::filesystem::path& file, std::string_view beginning,
                                    const std::string& option) {
  const std::string name = "the report " + file.string() + " cannot be written (" + option + "): ";
  const auto refused = [&](const std::string& why) { return Error{ErrorCode::invalid_argument, name + why}; };
  constexpr int k_attempts = 100;  // file systems may give a file another number each time
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    ReportFile opened;
    opened.name_ = name;
    std::error_code unknown;
    const bool is_there = std::filesystem::exists(file, unknown);
    // Not blocking: a named pipe without a reader must not hold the work.
    opened.descriptor_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (opened.descriptor_ < 0)
      return refused(errno == ENXIO ? "it is a pipe or socket that nobody reads" : std::strerror(errno));
    struct stat held {
    }, named{};
    if (::fstat(opened.descriptor_, &held) != 0) return refused(std::strerror(errno));
    opened.is_regular_ = S_ISREG(held.st_mode);
    if (const auto stream = opened.is_regular_ ? stream_into(held) : std::nullopt) {
      // At the place where the stream is, which moves with it: neither writes over the other.
      const int shared = ::fcntl(*stream, F_DUPFD_CLOEXEC, 0);
      if (shared < 0) return refused(std::strerror(errno));
      ::close(std::exchange(opened.descriptor_, shared));
      opened.is_regular_ = false;
    }
    if (!opened.is_regular_) return opened;  // /dev/null, a terminal: for many at once
    if (::flock(opened.descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return refused("another program is writing it; give another file");
    if (::fstat(opened.descriptor_, &held) != 0) return refused(std::strerror(errno));
    if (held.st_size > 0 && !begins_with(file, beginning))
      return refused("it holds something else than an earlier report; give another file");
    // The program that had it locked may have removed it.
    if (::stat(file.c_str(), &named) != 0 || !is_same(held, named)) continue;
    // What a symbolic link leads to is created, and removed, not the link.
    if (!is_there) opened.created_ = std::filesystem::canonical(file, unknown);
    return opened;
  }
  return refused("it is removed or replaced all the time");
}

ReportFile& ReportFile::operator=(ReportFile&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(created_, other.created_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(is_regular_, other.is_regular_);
  std::swap(is_begun_, other.is_begun_);
  return *this;
}

ReportFile::~ReportFile() {
  std::error_code ignored;
  if (!created_.empty()) std::filesystem::remove(created_, ignored);
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool ReportFile::is_also(const std::filesystem::path& path) const {
  struct stat mine {
  }, other{};
  return ::fstat(descriptor_, &mine) == 0 && ::stat(path.c_str(), &other) == 0 && is_same(mine, other) &&
         !S_ISCHR(mine.st_mode);
}

Error ReportFile::unwritten() const {
  return {ErrorCode::unavailable, name_ + std::strerror(errno)};
}

Status ReportFile::write(std::string_view content) {
  is_begun_ = true;
  const auto size = static_cast<off_t>(content.size());
  if (::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) & ~O_NONBLOCK) != 0) return unwritten();
  // A full disk is found here, before the earlier report is overwritten. Not all file systems can tell.
  if (is_regular_ && size > 0 && ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0, size) != 0 && errno != EOPNOTSUPP &&
      errno != ENOSYS)
    return unwritten();
  if (is_regular_ && ::lseek(descriptor_, 0, SEEK_SET) != 0) return unwritten();
  created_.clear();
  Status written = put(content);
  // What is left of an earlier report must not look like the end of this one, even if this one is cut short.
  if (is_regular_ && ::ftruncate(descriptor_, ::lseek(descriptor_, 0, SEEK_CUR)) != 0 && written.ok())
    return unwritten();
  return written;
}

Status ReportFile::append(std::string_view content) {
  return is_begun_ ? put(content) : write(content);
}

Status ReportFile::put(std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor_, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return unwritten();
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace sightline::ingest
