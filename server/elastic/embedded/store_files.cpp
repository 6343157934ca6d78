#include "server/elastic/embedded/store_files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sightline::elastic {
namespace {

constexpr const char* k_database = "store.db";
constexpr const char* k_uuid = "store.uuid";
constexpr const char* k_lock = "lock";
constexpr mode_t k_of_others = S_IRWXG | S_IRWXO;

[[noreturn]] void fail(const std::filesystem::path& folder, const std::string& what) {
  throw StorageFailed{{ErrorCode::unavailable, "store folder " + folder.string() + ": " + what}};
}

[[noreturn]] void fail_lost(const std::filesystem::path& folder, const std::string& what) {
  throw StorageFailed{
      {ErrorCode::corrupt_data, "store folder " + folder.string() + ": " + what +
                                    "; restore the folder from a copy, or name an empty folder to start anew"}};
}

std::string error_text() {
  return std::strerror(errno);
}

}  // namespace

StoreFiles::StoreFiles(std::filesystem::path folder, const Warn& warn)
    : folder_(std::move(folder)), database_((folder_ / k_database).string()) {
  lock();
  check_database();
  tighten(warn);
}

StoreFiles::File::~File() {
  if (descriptor >= 0) ::close(descriptor);
}

void StoreFiles::lock() {
  std::error_code problem;
  const bool made = std::filesystem::create_directories(folder_, problem);
  if (problem) fail(folder_, "cannot be made: " + problem.message());
  if (made) ::chmod(folder_.c_str(), S_IRWXU);
  folder_lock_.descriptor = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_lock_.descriptor < 0) fail(folder_, "cannot be read: " + error_text());
  lock_file_.descriptor = ::open((folder_ / k_lock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock_file_.descriptor < 0) fail(folder_, "cannot be written: " + error_text());
  // The lock of the folder works even if somebody deletes the lock file. The lock of the file excludes older versions
  // of the server.
  for (const File* file : {&folder_lock_, &lock_file_}) {
    if (::flock(file->descriptor, LOCK_EX | LOCK_NB) != 0)
      fail(folder_, "is in use by another server; stop it, or name another folder");
  }
}

void StoreFiles::check_database() {
  std::error_code problem;
  const bool had_store = std::filesystem::exists(folder_ / k_uuid, problem);
  const auto size = std::filesystem::file_size(database_, problem);
  is_new_ = problem == std::errc::no_such_file_or_directory;
  if (problem && !is_new_) fail(folder_, "store.db cannot be read: " + problem.message());
  if (is_new_ && had_store) fail_lost(folder_, "store.db is missing, but store.uuid says that there was a store");
  if (!is_new_ && size == 0) fail_lost(folder_, "store.db is empty");
}

void StoreFiles::tighten(const Warn& warn) {
  bool open = false;
  const auto close_to_others = [&](const std::string& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0 || S_ISLNK(found.st_mode)) return;
    if ((found.st_mode & k_of_others) == 0) return;
    open = ::chmod(path.c_str(), found.st_mode & S_IRWXU) == 0 || open;
  };
  close_to_others(folder_.string());
  for (const char* name : {k_lock, k_uuid}) close_to_others((folder_ / name).string());
  for (const char* suffix : {"", "-wal", "-shm"}) close_to_others(database_ + suffix);
  if (open && warn) {
    warn("store folder " + folder_.string() +
         ": others could read it, or files in it; now only their owner can, since they may hold secrets");
  }
}

void StoreFiles::finish() {
  if (::rename(unfinished().c_str(), database_.c_str()) != 0) fail(folder_, "store.db cannot be made: " + error_text());
  ::fsync(folder_lock_.descriptor);  // new and changed names survive a crash
}

void StoreFiles::check_uuid(const std::string& uuid) {
  const std::string path = (folder_ / k_uuid).string();
  if (std::ifstream file(path); file) {
    std::string kept;
    std::getline(file, kept);
    if (kept == uuid) return;
    fail_lost(folder_, "store.db holds the store [" + uuid + "], but the folder is that of the store [" + kept +
                           "], as store.uuid says");
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const std::string line = uuid + "\n";
  const bool written =
      file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(file) == 0;
  const std::string why = error_text();
  if (file >= 0) ::close(file);
  if (!written) {
    ::unlink(path.c_str());
    fail(folder_, "store.uuid cannot be written: " + why);
  }
  ::fsync(folder_lock_.descriptor);
}

void StoreFiles::watch() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string wal = std::string(k_database) + "-wal", shm = std::string(k_database) + "-shm";
  watched_ = {{""}, {k_lock}, {k_uuid}, {k_database}, {wal, true}, {shm, true}};
  for (Watched& file : watched_) {
    if (file.name == k_database || file.name == wal) file.least_size = 0;
    (void)fault_of(file);
  }
}

std::optional<std::string> StoreFiles::fault() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Watched& file : watched_) {
    if (auto fault = fault_of(file)) return fault;
  }
  return std::nullopt;
}

std::optional<std::string> StoreFiles::fault_of(Watched& file) const {
  const std::string path = file.name.empty() ? folder_.string() : (folder_ / file.name).string();
  const std::string shown = file.name.empty() ? "the folder" : file.name;
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT && file.may_be_missing && !file.known) return std::nullopt;
    return shown + (errno == ENOENT || errno == ENOTDIR ? " is gone" : " cannot be read: " + error_text());
  }
  if (!file.known) {
    file.known = true;
    file.device = found.st_dev;
    file.inode = found.st_ino;
  }
  if (found.st_dev != file.device || found.st_ino != file.inode) return shown + " has been replaced by another";
  if (file.least_size < 0) return std::nullopt;
  if (found.st_size < file.least_size) {
    return shown + " has been cut from " + std::to_string(file.least_size) + " to " + std::to_string(found.st_size) +
           " bytes";
  }
  file.least_size = found.st_size;
  return std::nullopt;
}

}  // namespace sightline::elastic
