// Which documents a load makes, of which pictures and which rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
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

/// How documents are made.
struct PlanOptions {
  enum class Id {
    hash,    ///< SHA-256 of the bytes
    path,    ///< the (first) picture's path below its folder
    column,  ///< Attributes::Options::id_column
  };
  Id id = Id::hash;
  std::string id_column;      ///< its name, for messages
  bool one_per_row = false;   ///< else one document per picture
  bool is_from_list = false;  ///< only the pictures of a list are loaded
  /// With `is_from_list`: which of the pictures the list names. The others are there for the rows that name them, so that
  /// a listed picture gets the row and the _id that it gets in a load of the whole folder. Empty: all are listed.
  std::vector<bool> listed;
  std::vector<std::string> file_columns{"file"};  ///< as in Attributes::Options
};

/// The longest `_id` that Elasticsearch takes. A longer one fails the whole bulk.
constexpr std::size_t k_longest_id_bytes = 512;

/// The field that says which of several file columns names a document's picture.
constexpr std::string_view k_column_field = "image_column";

/// The field for the bytes of a row's picture: `image_data` for the first file column, `NAME_data` for the
/// others.
std::string data_field(const std::vector<std::string>& file_columns, std::size_t column);

/// The documents to make, in order. There may be millions: each is a few numbers, and is put together when it is due.
class LoadPlan {
 public:
  std::size_t size() const { return entries_.size(); }
  /// One of them, `at` < size().
  LoadItem item(std::size_t at) const;
  static constexpr std::size_t k_most = UINT32_MAX;  ///< fewer pictures, and names in the rows, than this

 private:
  friend class Planner;
  using Number = std::uint32_t;
  static constexpr Number k_none = UINT32_MAX;
  /// A picture, its row and the column that names it; with one document per row the place in `row_pictures_` of the
  /// row's pictures, k_none where a column has none.
  struct Entry {
    Number picture = 0, row = k_none, column = 0;
  };

  LoadPlan(const std::vector<PictureFile>& pictures, const Attributes* attributes, PlanOptions options);
  LoadItem picture_item(const Entry& entry) const;
  LoadItem row_item(const Entry& entry) const;
  const PictureFile& first_picture(const Entry& entry) const;
  std::string id_of(const Entry& entry) const;

  const std::vector<PictureFile>* pictures_;
  const Attributes* attributes_;
  PlanOptions options_;
  std::vector<Entry> entries_;
  std::vector<Number> row_pictures_;
};

/// One document per picture, with the attributes of its row; or one per row, with its pictures. `attributes`
/// is null if there is no table. Both must outlive the plan. `found` gets documents that cannot be made, as failures,
/// and notes. Of a list's pictures, rows that name none of them are left out. Rows whose pictures the list names only in
/// part become failures: the document would lose the others. Errors: too_large (more than 4 billion pictures or rows).
Result<LoadPlan> plan_load(const std::vector<PictureFile>& pictures, const Attributes* attributes,
                           const PlanOptions& options, FindingSink& found);

}  // namespace sightline::ingest
