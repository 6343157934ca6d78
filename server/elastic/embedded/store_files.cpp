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

Error folder_error(const std::filesystem::path& folder, const std::string& what) {
  return {ErrorCode::unavailable, "store folder " + folder.string() + ": " + what};
}

Error lost(const std::filesystem::path& folder, const std::string& what) {
  return {ErrorCode::corrupt_data,
          "store folder " + folder.string() + ": " + what +
              "; restore the folder from a copy, or name an empty folder to start anew"};
}

std::string error_text() {
  return std::strerror(errno);
}

/// So that names which were made or changed outlive a crash.
void sync_folder(int folder) {
  ::fsync(folder);
}

}  // namespace

StoreFiles::StoreFiles(std::filesystem::path folder)
    : folder_(std::move(folder)), database_((folder_ / k_database).string()) {}

StoreFiles::~StoreFiles() {
  for (const int file : {lock_file_, folder_lock_}) {
    if (file >= 0) ::close(file);
  }
}

Result<std::unique_ptr<StoreFiles>> StoreFiles::claim(const std::filesystem::path& folder, const Warn& warn) {
  std::unique_ptr<StoreFiles> files(new StoreFiles(folder));
  if (Status status = files->lock(); !status) return status.error();
  if (Status status = files->check_database(); !status) return status.error();
  files->tighten(warn);
  return files;
}

Status StoreFiles::lock() {
  std::error_code problem;
  const bool made = std::filesystem::create_directories(folder_, problem);
  if (problem) return folder_error(folder_, "cannot be made: " + problem.message());
  if (made) ::chmod(folder_.c_str(), S_IRWXU);
  folder_lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_lock_ < 0) return folder_error(folder_, "cannot be read: " + error_text());
  lock_file_ = ::open((folder_ / k_lock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock_file_ < 0) return folder_error(folder_, "cannot be written: " + error_text());
  // The lock of the folder holds even if somebody removes the file; that of the file keeps older versions
  // out.
  for (const int file : {folder_lock_, lock_file_}) {
    if (::flock(file, LOCK_EX | LOCK_NB) != 0)
      return folder_error(folder_, "is in use by another server; stop it, or name another folder");
  }
  return {};
}

Status StoreFiles::check_database() {
  std::error_code problem;
  const bool had_store = std::filesystem::exists(folder_ / k_uuid, problem);
  const auto size = std::filesystem::file_size(database_, problem);
  is_new_ = problem == std::errc::no_such_file_or_directory;
  if (problem && !is_new_) return folder_error(folder_, "store.db cannot be read: " + problem.message());
  if (is_new_ && had_store)
    return lost(folder_, "store.db is missing, but store.uuid says that there was a store");
  if (!is_new_ && size == 0) return lost(folder_, "store.db is empty");
  return {};
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

Status StoreFiles::finish() {
  if (::rename(unfinished().c_str(), database_.c_str()) != 0)
    return folder_error(folder_, "store.db cannot be made: " + error_text());
  sync_folder(folder_lock_);
  return {};
}

Status StoreFiles::check_uuid(const std::string& uuid) {
  const std::string path = (folder_ / k_uuid).string();
  if (std::ifstream file(path); file) {
    std::string kept;
    std::getline(file, kept);
    if (kept == uuid) return {};
    return lost(folder_, "store.db holds the store [" + uuid + "], but the folder is that of the store [" +
                             kept + "], as store.uuid says");
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const std::string line = uuid + "\n";
  const bool written =
      file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
      ::fsync(file) == 0;
  const std::string why = error_text();
  if (file >= 0) ::close(file);
  if (!written) {
    ::unlink(path.c_str());
    return folder_error(folder_, "store.uuid cannot be written: " + why);
  }
  sync_folder(folder_lock_);
  return {};
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
  if (found.st_dev != file.device || found.st_ino != file.inode)
    return shown + " has been replaced by another";
  if (file.least_size < 0) return std::nullopt;
  if (found.st_size < file.least_size) {
    return shown + " has been cut from " + std::to_string(file.least_size) + " to " +
           std::to_string(found.st_size) + " bytes";
  }
  file.least_size = found.st_size;
  return std::nullopt;
}

}  // namespace sightline::elastic
