#include "eval/report_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace sightline::eval {
namespace {

bool begins_with(const std::filesystem::path& file, std::string_view beginning) {
  std::string begin(beginning.size(), '\0');
  return std::ifstream(file, std::ios::binary).read(begin.data(), std::ssize(begin)) && begin == beginning;
}

}  // namespace

Result<ReportFile> ReportFile::open(const std::filesystem::path& file, std::string_view beginning,
                                    const std::string& option) {
  ReportFile opened;
  opened.name_ = file.string() + " (" + option + ")";
  const auto refused = [&](const std::string& why) {
    return Error{ErrorCode::invalid_argument, "cannot write " + opened.name_ + ": " + why};
  };
  std::error_code unknown;
  const bool is_there = std::filesystem::exists(file, unknown);
  // Not blocking: a named pipe without a reader must not hold the measurement.
  opened.descriptor_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (opened.descriptor_ < 0)
    return refused(errno == ENXIO ? "it is a pipe or socket that nobody reads" : std::strerror(errno));
  struct stat status {};
  if (::fstat(opened.descriptor_, &status) != 0) return refused(std::strerror(errno));
  // What a symbolic link leads to is created, and removed, not the link.
  if (!is_there) opened.created_ = std::filesystem::canonical(file, unknown);
  if (S_ISREG(status.st_mode) && status.st_size > 0 && !begins_with(file, beginning))
    return refused("it holds something else than an earlier report; give another file");
  return opened;
}

ReportFile& ReportFile::operator=(ReportFile&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(created_, other.created_);
  std::swap(descriptor_, other.descriptor_);
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
  return ::fstat(descriptor_, &mine) == 0 && ::stat(path.c_str(), &other) == 0 && mine.st_dev == other.st_dev &&
         mine.st_ino == other.st_ino && !S_ISCHR(mine.st_mode);
}

Status ReportFile::write(std::string_view content) {
  created_.clear();
  const auto failed = [&] {
    return Error{ErrorCode::unavailable, "cannot write " + name_ + ": " + std::strerror(errno)};
  };
  struct stat status {};
  if (::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) & ~O_NONBLOCK) != 0 ||
      ::fstat(descriptor_, &status) != 0 || (S_ISREG(status.st_mode) && ::ftruncate(descriptor_, 0) != 0))
    return failed();
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor_, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed();
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace sightline::eval
