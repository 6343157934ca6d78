// Finding the pictures of a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace sightline::ingest {

/// A file to load.
struct PictureFile {
  std::filesystem::path path;
  std::string name;  ///< relative to the folder it was found in, with '/', as UTF-8: becomes `image_name`
  std::uint64_t bytes = 0;
};

/// Something below a folder that cannot be loaded: a broken link, a folder that cannot be read, a socket.
struct UnreadableEntry {
  std::string name;  ///< like PictureFile::name
  std::string reason;
};

struct FoundPictures {
  std::vector<PictureFile> pictures;        ///< in order of name
  std::size_t ignored = 0;                  ///< files whose names do not end as a picture's
  std::vector<UnreadableEntry> unreadable;  ///< in order of name
  std::vector<std::string> linked_folders;  ///< behind symbolic links, not entered; in order of name
};

/// Walks `folder` and all below it. A picture is a file whose name ends in .jpg, .jpeg, .png, .webp, .gif, .bmp,
/// .heic, .heif or .avif, in any case. Hidden files and folders are left out; folders behind symbolic links are not entered.
/// What cannot be looked at, hidden or not, and what is neither file nor folder is listed, and the walk goes
/// on. Errors: not_found (`folder` is no folder).
Result<FoundPictures> find_pictures(const std::filesystem::path& folder);

/// Reads a whole file of at most `max_bytes`. Errors: too_large, unavailable, each naming the path.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace sightline::ingest
