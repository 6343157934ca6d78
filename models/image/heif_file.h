// The items of a HEIF file (ISO/IEC 23008-12): the container of HEIC and AVIF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightline::models {

/// Big-endian numbers and parts of a box, one after the other. After a read past the end all reads give zero or empty
/// views, and `failed` is true.
class BoxCursor {
 public:
  explicit BoxCursor(std::string_view bytes) : rest_(bytes) {}

  /// A number of `bytes` bytes, 0 to 8.
  std::uint64_t number(std::size_t bytes);
  std::uint32_t u8() { return static_cast<std::uint32_t>(number(1)); }
  std::uint32_t u16() { return static_cast<std::uint32_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::string_view take(std::uint64_t bytes);

  bool failed() const { return failed_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

/// A property of an item, such as its size (`ispe`) or a rotation (`irot`).
struct HeifProperty {
  std::string_view type;
  std::string_view body;  ///< all after the box's size and type
};

/// A picture that is made of others, side by side.
struct HeifGrid {
  std::uint32_t rows = 0, columns = 0;
  std::uint32_t width = 0, height = 0;  ///< of the whole picture; the last tiles may extend beyond it
};

/// Only positions are read: the file's bytes must outlive this object. All numbers are limited: items, tiles, references,
/// parts of an item, and the bytes of all items that are read, which may not exceed those of the file.
class HeifFile {
 public:
  using Id = std::uint32_t;

  /// Reads the list of items of `file`, which begins with `ftyp`. `format` is its name in messages. Errors:
  /// invalid_argument (broken or truncated), too_large (too many items), unsupported (it contains no item).
  static Result<HeifFile> read(std::string_view file, std::string_view format);

  Id primary() const { return primary_; }
  /// All items.
  std::vector<Id> ids() const;
  /// Four letters such as `hvc1`, `av01`, `grid`; empty if there is no such item.
  std::string_view type_of(Id item) const;
  /// The same for messages: `[hvc1]`.
  std::string shown_type_of(Id item) const;
  /// In the order in which they apply.
  std::vector<HeifProperty> properties_of(Id item) const;
  /// The first property of that type; an empty body if there is none.
  std::string_view property_of(Id item, std::string_view type) const;
  /// Width and height (`ispe`); nullopt if there are none.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> size_of(Id item) const;
  /// The items that `item` refers to with references of that type.
  std::vector<Id> references(Id item, std::string_view type) const;
  /// The item with the alpha of `item`.
  std::optional<Id> alpha_of(Id item) const;

  /// The bytes of an item, joined. Errors: invalid_argument (beyond its box; more bytes than the file has, all calls
  /// together), unsupported (stored in another way than in the file itself).
  Result<std::string> data_of(Id item);

  /// The layout of an item of type `grid` and its tiles, row by row. Errors: those of data_of, too_large (too many
  /// tiles), invalid_argument.
  Result<std::pair<HeifGrid, std::vector<Id>>> grid_of(Id item);

 private:
  struct Extent {
    std::uint64_t offset = 0, length = 0;
  };
  struct Item {
    std::string_view type;
    std::vector<std::uint16_t> properties;  ///< indices, from 1
    std::uint32_t construction = 0;         ///< 0: offsets in the file, 1: in `idat`
    std::vector<Extent> extents;
  };
  struct Reference {
    std::string_view type;
    Id from = 0;
    std::vector<Id> to;
  };

  HeifFile(std::string_view file, std::string_view format) : file_(file), format_(format) {}

  Error broken_part(std::string_view what) const;
  /// No item may extend beyond the end of the file, needed or not.
  Status check_end() const;
  Status read_meta(std::string_view body);
  Status read_items(std::string_view body);
  Status read_properties(std::string_view body);
  Status read_associations(std::string_view body);
  Status read_locations(std::string_view body);
  Status read_references(std::string_view body);

  std::string_view file_, format_, idat_;
  Id primary_ = 0;
  std::map<Id, Item> items_;
  std::vector<HeifProperty> properties_;
  std::vector<Reference> references_;
  std::uint64_t bytes_read_ = 0;
};

/// The bytes of all boxes of that type in `file` that are not inside another one; 0 if there is none.
std::uint64_t bytes_of_boxes(std::string_view file, std::string_view type);

/// The rotation and mirroring of the primary item (`irot`, `imir`) as an EXIF orientation, 1 to 8.
int container_orientation(const HeifFile& file);

}  // namespace sightline::models
