// Which documents a load makes, of which pictures and which rows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingest/attributes.h"
#include "ingest/note.h"
#include "ingest/picture_files.h"

namespace sightline::ingest {

/// One document to make.
struct LoadItem {
  struct Picture {
    PictureFile file;
    std::string data_field;  ///< holds its bytes
  };
  std::string name;               ///< `image_name`; what messages call the document
  std::vector<Picture> pictures;  ///< at least one; the first one's bytes are `image_data`
  std::string id;                 ///< empty: SHA-256 of the pictures' bytes
  std::string attributes;         ///< JSON members without braces
};

/// A document that cannot be made, and why.
struct LoadRefusal {
  std::string name;
  std::string reason;
};

struct LoadPlan {
  std::vector<LoadItem> items;
  std::vector<LoadRefusal> refusals;
  std::vector<Note> notes;
};

/// How documents are made.
struct PlanOptions {
  enum class Id {
    hash,    ///< SHA-256 of the bytes
    path,    ///< the (first) picture's path below its folder
    column,  ///< Attributes::Options::id_column
  };
  Id id = Id::hash;
  std::string id_column;                          ///< its name, for messages
  bool one_per_row = false;                       ///< else one document per picture
  std::vector<std::string> file_columns{"file"};  ///< as in Attributes::Options
};

/// The longest `_id` that Elasticsearch takes. A longer one fails the whole bulk.
constexpr std::size_t k_longest_id_bytes = 512;

/// The field that says which of several file columns names a document's picture.
constexpr std::string_view k_column_field = "image_column";

/// The field for the bytes of a row's picture: `image_data` for the first file column, `NAME_data` for the
/// others.
std::string data_field(const std::vector<std::string>& file_columns, std::size_t column);

/// One document per picture, with the attributes of its row; or one per row, with its pictures. `attributes`
/// is null if there is no table.
LoadPlan plan_load(const std::vector<PictureFile>& pictures, const Attributes* attributes, const PlanOptions& options);

}  // namespace sightline::ingest
