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

bool has_picture_name(const fs::path& path) {
  constexpr std::array<std::string_view, 9> k_endings{".jpg", ".jpeg", ".png",  ".webp", ".gif",
                                                      ".bmp", ".heic", ".heif", ".avif"};
  const std::string ending = ascii_lower(path.extension().string());
  return std::find(k_endings.begin(), k_endings.end(), ending) != k_endings.end();
}

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

/// Walks one folder after the other: what cannot be read is listed, and never ends the walk.
class Walk {
 public:
  explicit Walk(const fs::path& root) : root_(root) {}

  FoundPictures run() {
    std::vector<fs::path> folders{root_};
    while (!folders.empty()) {
      const fs::path folder = std::move(folders.back());
      folders.pop_back();
      list(folder, folders);
    }
    std::sort(found_.pictures.begin(), found_.pictures.end(),
              [](const PictureFile& a, const PictureFile& b) { return a.name < b.name; });
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
    std::error_code error;
    const bool is_link = fs::symlink_status(path, error).type() == fs::file_type::symlink;
    const fs::file_status status = error ? fs::file_status() : fs::status(path, error);
    if (error || status.type() == fs::file_type::not_found) return refuse(path, why_unseen(path, is_link, error));
    switch (status.type()) {
      case fs::file_type::directory:
        if (is_hidden(path)) return;
        if (is_link) {
          found_.linked_folders.push_back(name_of(path));
        } else {
          folders.push_back(path);
        }
        return;
      case fs::file_type::regular:
        if (!is_hidden(path)) add_file(path);
        return;
      default:
        return refuse(path, std::string("this is ").append(kind_of(status.type())).append(", not a file"));
    }
  }

  static std::string why_unseen(const fs::path& path, bool is_link, const std::error_code& error) {
    if (error == std::errc::too_many_symbolic_link_levels) return "this link leads in a circle";
    if (!is_link && !error) return "was removed after the folder was listed";
    if (!is_link) return unseen(error);
    std::error_code ignored;
    const std::string target = fs::read_symlink(path, ignored).string();
    const bool broken = !error || error == std::errc::no_such_file_or_directory;
    return std::string("this link leads to ")
        .append(target)
        .append(", which ")
        .append(broken ? "does not exist" : unseen(error));
  }

  void add_file(const fs::path& path) {
    if (!has_picture_name(path)) {
      ++found_.ignored;
      return;
    }
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(path, error);
    if (error) return refuse(path, unseen(error));
    found_.pictures.push_back({path, name_of(path), bytes});
  }

  void refuse(const fs::path& path, std::string reason) {
    found_.unreadable.push_back({name_of(path), std::move(reason)});
  }

  std::string name_of(const fs::path& path) const {
    return utf8_name(path == root_ ? path.string() : path.lexically_relative(root_).generic_string());
  }

  const fs::path& root_;
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

Result<FoundPictures> find_pictures(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    const bool is_hidden_from_us = error && error != std::errc::no_such_file_or_directory;
    const std::string why = is_hidden_from_us ? unseen(error) : "is not a folder";
    return Error{ErrorCode::not_found, utf8_name(folder.string()).append(" ").append(why)};
  }
  return Walk(folder).run();
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
  return content;
}

}  // namespace sightline::ingest
