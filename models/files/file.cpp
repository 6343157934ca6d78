#include "models/files/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "models/files/foreign_file.h"

namespace sightline::models {
namespace {

Error cannot(const std::filesystem::path& file, const char* what) {
  return {ErrorCode::not_found, file.string() + " cannot be " + what + ": " + std::strerror(errno)};
}

}  // namespace

bool is_there(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

bool is_plain_name(std::string_view name) {
  return name.size() <= 255 && !name.starts_with('.') &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

Error in_file(const Error& error, const std::filesystem::path& file) {
  return {error.code, file.string() + ": " + error.message};
}

File::~File() {
  ::close(descriptor_);
}

Result<std::shared_ptr<const File>> File::open(const std::filesystem::path& file) {
  // O_NONBLOCK: a pipe under this name must not hang the program.
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return cannot(file, "opened");
  const std::shared_ptr<File> opened(new File(file, descriptor));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return cannot(file, "examined");
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::unsupported, file.string() + " is not a regular file"};
  }
  opened->size_ = static_cast<std::uint64_t>(status.st_size);
  std::string first(std::min<std::uint64_t>(opened->size_, k_judged_bytes), '\0');
  if (Status read = opened->read(0, std::as_writable_bytes(std::span(first))); !read) return read.error();
  if (Status own = refuse_foreign_file(file, first, opened->size_); !own) return own.error();
  return std::shared_ptr<const File>(opened);
}

Status File::read(std::uint64_t at, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot(path_, "read");
    if (count == 0) {
      return Error{ErrorCode::corrupt_data, path_.string() + " ends after " + std::to_string(at) + " of " +
                                                std::to_string(at + into.size()) +
                                                " bytes: it was changed while it was read; download it again"};
    }
    into = into.subspan(static_cast<std::size_t>(count));
    at += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace sightline::models
