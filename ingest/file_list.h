// Lists of files to load, as `find` prints them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/note.h"
#include "ingest/picture_files.h"

namespace sightline::ingest {

struct FileListOptions {
  bool null_separated = false;        ///< names end with a NUL byte, else with a line feed (or CR LF)
  std::size_t max_name_bytes = 4095;  ///< the longest path of a system call; longer ones are bad names
  std::size_t max_bad_names = 100;    ///< too long, or with a NUL byte in a list of lines; more end the reading
};

/// Reads the names of pictures below `folder` from `list`, which messages call `list_name`. A name is a path relative to
/// `folder`, or an absolute one inside it. Empty names are skipped.
///
/// Flow: 1. The list is read as a stream: only the paths of pictures are kept.
///       2. A name is brought to one form, without `.`, `..` and doubled slashes. A file may be listed though it, or a
///          folder above it, is hidden.
///       3. A name outside of the folder, also one that a symbolic link leads out, becomes a note; so does a folder,
///          and a file without a picture extension. What does not exist or cannot be inspected becomes a failure.
///       4. The pictures are put in order of name, each once. A repeated one becomes a note.
/// Errors: not_found (`folder` is no folder); invalid_argument (too many bad names); unavailable (`list` breaks off).
Result<FoundPictures> read_file_list(const std::filesystem::path& folder, std::istream& list,
                                     const std::string& list_name, const FileListOptions& options, FindingSink& found);

/// Puts the other pictures of `folder` among `pictures`, those of a list, in order of name: rows of a table are matched with
/// all of them. The result has, for each picture, whether the list names it. Errors: as find_pictures.
Result<std::vector<bool>> add_unlisted(const std::filesystem::path& folder, std::vector<PictureFile>& pictures);

}  // namespace sightline::ingest
