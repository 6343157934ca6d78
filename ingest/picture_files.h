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
  std::string name;  ///< relative to the folder it was found in, with '/': becomes `image_name`
  std::uint64_t bytes = 0;
};

struct FoundPictures {
  std::vector<PictureFile> pictures;  ///< in order of name
  std::size_t ignored = 0;            ///< files whose names do not end as a picture's
};

/// Walks `folder` and all below it. A picture is a file whose name ends in .jpg, .jpeg, .png, .webp, .gif or
/// .bmp, in any case. Hidden files and folders are left out; folders behind symbolic links are not entered.
/// Errors: not_found (no such folder), unavailable (cannot be read), each naming the path.
Result<FoundPictures> find_pictures(const std::filesystem::path& folder);

/// Reads a whole file of at most `max_bytes`. Errors: too_large, unavailable, each naming the path.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace sightline::ingest
