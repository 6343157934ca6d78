// What a person who loads should know: what failed, and what did not but is worth a line.
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
    listed_twice,     ///< a list of files names it more than once
    listed_outside,   ///< a list names what is not below the folder: not loaded
    old_vector,       ///< vectors of a document's earlier picture were removed
    listed_other,     ///< a list names a file that is no picture by its name, or a folder: not loaded
  };
  Kind kind;
  std::string name;    ///< the file's, as in the folder or as in the table
  std::string reason;  ///< one sentence
};

/// A document that did not get into the index, or an entry of a folder or list that could not be read, and why.
struct Failure {
  std::string name;
  int status = 0;  ///< 0: never reached Elasticsearch
  int attempts = 0;
  std::string reason;
};

/// Takes what is found during a load, one by one: a load of a million files may have a note for each of them.
/// Thread safety: both members may be called from any thread.
class FindingSink {
 public:
  virtual ~FindingSink() = default;
  virtual void add(const Failure& failure) = 0;
  virtual void add(const Note& note) = 0;
};

}  // namespace sightline::ingest
