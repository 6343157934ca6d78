#include "models/files/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace sightline::models {
namespace {

/// Closes the descriptor at the end of the scope; the mapping outlives it.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

Error cannot(const std::filesystem::path& file, const char* what) {
  return {ErrorCode::not_found, file.string() + " cannot be " + what + ": " + std::strerror(errno)};
}

}  // namespace

MappedFile::MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size)
    : path_(std::move(path)), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& file) {
  // O_NONBLOCK: a pipe under this name must not hang the program.
  const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (descriptor.number < 0) return cannot(file, "opened");
  struct stat status {};
  if (::fstat(descriptor.number, &status) != 0) return cannot(file, "examined");
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::unsupported, file.string() + " is not a regular file"};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = nullptr;
  if (size > 0) {  // an empty file cannot be mapped, but it can be described
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.number, 0);
    if (data == MAP_FAILED) return cannot(file, "mapped");
    ::madvise(data, size, MADV_WILLNEED);  // read ahead while the headers are checked; only a hint
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(file, static_cast<const std::byte*>(data), size));
}

}  // namespace sightline::models
