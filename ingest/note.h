// What a person who loads should know, although nothing failed.
#pragma once

#include <cstdint>
#include <string>

namespace sightline::ingest {

struct Note {
  enum class Kind : std::uint8_t {
    row_without_file,
    row_without_picture,  ///< it is loaded without some of its pictures
    file_without_row,
    same_file_twice,  ///< two rows name one file
    same_bytes,       ///< two files of the same bytes, one document, different attributes
    other_name,       ///< the index held the same bytes under another name
    misfit,           ///< values that the field's mapping does not take as they are
    linked_folder,    ///< behind a symbolic link: not entered
    turned_picture,   ///< its EXIF orientation asks for a turn
  };
  Kind kind;
  std::string name;    ///< the file's, as in the folder or as in the table
  std::string reason;  ///< one sentence
};

}  // namespace sightline::ingest
