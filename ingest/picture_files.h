// Finding the pictures of a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightline::ingest {

/// A file to load. There may be millions: each has its path below the folder once, and the folder is shared.
class PictureFile {
 public:
  using Folder = std::shared_ptr<const std::filesystem::path>;
  PictureFile(Folder folder, std::string below) : folder_(std::move(folder)), below_(std::move(below)) {}

  std::filesystem::path path() const { return *folder_ / below_; }
  const std::filesystem::path& folder() const { return *folder_; }
  /// Its path relative to the folder, with '/', as the system has it: any bytes.
  const std::string& below() const { return below_; }
  /// The same as UTF-8: becomes `image_name`.
  std::string name() const;

 private:
  Folder folder_;
  std::string below_;
};

/// Something below a folder that cannot be loaded: a broken link, a folder that cannot be read, a socket.
struct UnreadableEntry {
  std::string name;  ///< like PictureFile::name()
  std::string reason;
};

struct FoundPictures {
  std::vector<PictureFile> pictures;        ///< in order of name
  std::size_t ignored = 0;                  ///< files whose names have no picture extension
  std::vector<UnreadableEntry> unreadable;  ///< in order of name
  std::vector<std::string> linked_folders;  ///< behind symbolic links, not entered; in order of name
};

/// Walks `folder` and all below it. A picture is a file whose name ends in .jpg, .jpeg, .png, .webp, .gif, .bmp,
/// .heic, .heif or .avif, in any case. Hidden files and folders are left out; folders behind symbolic links are not entered.
/// What cannot be looked at, hidden or not, and what is neither file nor folder is listed, and the walk goes
/// on. Errors: not_found (`folder` is no folder).
Result<FoundPictures> find_pictures(const std::filesystem::path& folder);

/// Errors: not_found (`folder` is no folder, or cannot be inspected).
Status check_folder(const std::filesystem::path& folder);

/// Whether a file name has a picture extension.
bool has_picture_extension(const std::filesystem::path& path);

/// What `path` is, links followed.
enum class EntryKind : std::uint8_t { file, folder };
/// Errors (not_found): why it is neither file nor folder, or cannot be inspected, as words that follow the name:
/// "this link leads in a circle", "this is a socket, not a file".
Result<EntryKind> inspect_entry(const std::filesystem::path& path);

/// Reads a whole file of at most `max_bytes`. Errors: too_large, unavailable, each naming the path.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace sightline::ingest
