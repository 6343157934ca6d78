// The pictures of a measurement, with their attributes and captions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::eval {

/// A picture: a row of the table.
struct Picture {
  std::string name;  ///< from column `file`
  std::filesystem::path path;
  std::vector<std::uint32_t> values;  ///< for each attribute, the number of its value; k_unknown: the field is empty
  std::vector<std::string> captions;  ///< for each caption column; empty: none
};

/// A table of pictures: CSV (RFC 4180, UTF-8, first row: names). Column `file` names the picture, relative to the
/// folder of pictures. `caption`, and any column whose name begins with `caption_`, has a text that describes it. Every
/// other column is an attribute. An empty field means unknown.
class Dataset {
 public:
  static constexpr std::uint32_t k_unknown = UINT32_MAX;

  struct Attribute {
    std::string name;
    std::vector<std::string> values;  ///< all values in the table, in order of their first row
    /// The number of a value; nullopt: no picture has it.
    std::optional<std::uint32_t> number_of(std::string_view value) const;
  };

  /// Errors: not_found, invalid_argument naming file and line (no column `file`, no rows, a picture twice, a path that
  /// leaves the folder). Does not check that the pictures can be read.
  static Result<Dataset> read(const std::filesystem::path& table, const std::filesystem::path& pictures);

  const std::vector<Picture>& pictures() const { return pictures_; }
  const std::vector<Attribute>& attributes() const { return attributes_; }
  const std::vector<std::string>& caption_columns() const { return caption_columns_; }

  /// Errors: invalid_argument, listing the existing names.
  Result<std::uint32_t> attribute(std::string_view name) const;
  Result<std::uint32_t> caption_column(std::string_view name) const;

 private:
  std::vector<Picture> pictures_;
  std::vector<Attribute> attributes_;
  std::vector<std::string> caption_columns_;
};

}  // namespace sightline::eval
