#include "ingest/picture_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/ascii_lower.h"
#include "ingest/file_names.h"

namespace sightline::ingest {
namespace fs = std::filesystem;
namespace {

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

std::string kind_of(fs::file_type type) {
  switch (type) {
    case fs::file_type::socket:
      return "a socket";
    case fs::file_type::fifo:
      return "a named pipe";
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    default:
      return "neither a file nor a folder";
  }
}

std::string unseen(const std::error_code& error) {
  return std::string("cannot be inspected: ").append(error.message());
}

std::string why_unseen(const fs::path& path, bool is_link, const std::error_code& error) {
  if (error == std::errc::too_many_symbolic_link_levels) return "this link leads in a circle";
  const bool is_gone = !error || error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (!is_link) return is_gone ? "this file does not exist" : unseen(error);
  std::error_code ignored;
  const std::string target = fs::read_symlink(path, ignored).string();
  return std::string("this link leads to ")
      .append(target)
      .append(", which ")
      .append(is_gone ? "does not exist" : unseen(error));
}

/// Walks one folder after the other: what cannot be read is listed, and never ends the walk.
class Walk {
 public:
  explicit Walk(const fs::path& root)
      : root_(root), folder_(std::make_shared<const fs::path>(root)), prefix_((root / "").native().size()) {}

  FoundPictures run() {
    std::vector<fs::path> folders{root_};
    while (!folders.empty()) {
      const fs::path folder = std::move(folders.back());
      folders.pop_back();
      list(folder, folders);
    }
    std::sort(found_.pictures.begin(), found_.pictures.end(),
              [](const PictureFile& a, const PictureFile& b) { return a.below() < b.below(); });
    found_.pictures.shrink_to_fit();
    std::sort(found_.unreadable.begin(), found_.unreadable.end(),
              [](const UnreadableEntry& a, const UnreadableEntry& b) { return a.name < b.name; });
    std::sort(found_.linked_folders.begin(), found_.linked_folders.end());
    return std::move(found_);
  }

 private:
  void list(const fs::path& folder, std::vector<fs::path>& folders) {
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    while (!error && entry != fs::directory_iterator()) {
      look_at(*entry, folders);
      entry.increment(error);
    }
    if (error) refuse(folder, std::string("this folder cannot be read: ").append(error.message()));
  }

  void look_at(const fs::directory_entry& entry, std::vector<fs::path>& folders) {
    const fs::path& path = entry.path();
    const auto kind = inspect_entry(path);
    if (!kind.ok()) return refuse(path, kind.error().message);
    if (is_hidden(path)) return;
    if (*kind == EntryKind::folder) {
      std::error_code ignored;
      if (fs::is_symlink(path, ignored)) {
        found_.linked_folders.push_back(name_of(path));
      } else {
        folders.push_back(path);
      }
    } else if (has_picture_extension(path)) {
      found_.pictures.emplace_back(folder_, below(path));
    } else {
      ++found_.ignored;
    }
  }

  void refuse(const fs::path& path, std::string reason) {
    found_.unreadable.push_back({name_of(path), std::move(reason)});
  }

  std::string below(const fs::path& path) const { return path.native().substr(prefix_); }
  std::string name_of(const fs::path& path) const { return utf8_name(path == root_ ? path.string() : below(path)); }

  const fs::path& root_;
  const PictureFile::Folder folder_;
  const std::size_t prefix_;  // bytes of the paths of entries before what is below the root
  FoundPictures found_;
};

/// Closes a descriptor at the end of its scope.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

Error unreadable(const fs::path& path, const std::string& why) {
  return {ErrorCode::unavailable, "cannot read " + utf8_name(path.string()) + ": " + why};
}

}  // namespace

Status check_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return {};
  const bool is_hidden_from_us = error && error != std::errc::no_such_file_or_directory;
  const std::string why = is_hidden_from_us ? unseen(error) : "is not a folder";
  return Error{ErrorCode::not_found, utf8_name(folder.string()).append(" ").append(why)};
}

Result<FoundPictures> find_pictures(const fs::path& folder) {
  if (const Status there = check_folder(folder); !there.ok()) return there.error();
  return Walk(folder).run();
}

std::string PictureFile::name() const {
  return utf8_name(below_);
}

bool has_picture_extension(const fs::path& path) {
  constexpr std::array<std::string_view, 9> k_extensions{".jpg", ".jpeg", ".png",  ".webp", ".gif",
                                                         ".bmp", ".heic", ".heif", ".avif"};
  const std::string extension = ascii_lower(path.extension().string());
  return std::find(k_extensions.begin(), k_extensions.end(), extension) != k_extensions.end();
}

Result<EntryKind> inspect_entry(const fs::path& path) {
  std::error_code error;
  const bool is_link = fs::symlink_status(path, error).type() == fs::file_type::symlink;
  const fs::file_status status = error ? fs::file_status() : fs::status(path, error);
  if (error || status.type() == fs::file_type::not_found)
    return Error{ErrorCode::not_found, why_unseen(path, is_link, error)};
  if (status.type() == fs::file_type::directory) return EntryKind::folder;
  if (status.type() == fs::file_type::regular) return EntryKind::file;
  return Error{ErrorCode::not_found, std::string("this is ").append(kind_of(status.type())).append(", not a file")};
}

Result<std::string> read_file(const fs::path& path, std::uint64_t max_bytes) {
  // Not blocking: a named pipe that took the file's place must not hold the load.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (file.number < 0 || ::fstat(file.number, &status) != 0) return unreadable(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(path, "it is no longer a file");
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (bytes > max_bytes) {
    return Error{ErrorCode::too_large, utf8_name(path.string()) + " is " + std::to_string(bytes) +
                                           " bytes; the limit is " + std::to_string(max_bytes) +
                                           " (--max-picture-bytes)"};
  }
  std::string content(bytes, '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t got = ::read(file.number, content.data() + have, content.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, std::strerror(errno));
    if (got == 0) return unreadable(path, "it became shorter while it was read");
    have += static_cast<std::size_t>(got);
  }
  struct stat after {};
  if (::fstat(file.number, &after) != 0) return unreadable(path, std::strerror(errno));
  const auto is_same_time = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  if (after.st_size != status.st_size || !is_same_time(after.st_mtim, status.st_mtim) ||
      !is_same_time(after.st_ctim, status.st_ctim))
    return unreadable(path, "it changed while it was read");
  return content;
}

}  // namespace sightline::ingest
