// Which row of a table speaks of which picture.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ingest/attributes.h"
#include "ingest/note.h"
#include "ingest/picture_files.h"

namespace sightline::ingest {

/// One name in a table: a row, and which of its file columns.
struct RowName {
  std::size_t row = 0;     ///< position in Attributes::rows
  std::size_t column = 0;  ///< position in Row::files
};

/// The result of matching a table with the pictures that were found.
struct RowMatches {
  /// For each picture the name that means it; nothing if there is none.
  std::vector<std::optional<RowName>> of_picture;
  /// For each row and each of its file columns the first picture that it means, by position; nothing if there is none.
  std::vector<std::vector<std::optional<std::size_t>>> of_row;
};

/// Matches names with pictures, the most literal spelling first:
///
///   0. of several folders, in which the same path may be: the picture's path with the folder in front;
///   1. the picture's path below its folder, as it is written;
///   2. its canonical form (`canonical_path`), also with the folder in front: `./a.jpg`, `sub\a.jpg`,
///      composed and decomposed letters, whitespace around the name;
///   3. without difference of capital and small letters, where only one name and one picture are left to
///      agree;
///   4. a name without a folder means the pictures of that file name in any folder, in the spellings of 1
///      to 3.
///
/// Memory grows with rows plus pictures, also where each of many rows means each of many pictures.
/// A name that found a picture in one step takes no part in the later ones. Where two rows name one picture,
/// the later row counts. `note` gets rows without a file, files without a row, files with two rows; in this order.
/// Notes about files are only about those that are `listed`; if that is empty, about all.
RowMatches match_rows(const Attributes& attributes, const std::vector<PictureFile>& pictures,
                      const std::vector<bool>& listed, const std::function<void(Note)>& note);

}  // namespace sightline::ingest
