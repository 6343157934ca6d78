// What is known of the pictures besides their pixels: a table with one row a picture.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/csv.h"
#include "base/result.h"

namespace sightline::ingest {

/// Attributes by picture name. Each value is a list of ready JSON members: `"price":350000,"city":"Lyon"`.
class Attributes {
 public:
  /// Reads a CSV file (RFC 4180, UTF-8, first row: names) or, if the name ends in .ndjson or .jsonl, one JSON
  /// object a line. The column or key `file` names the picture, as its path below the folder or as its file
  /// name alone. In CSV a value that reads as a JSON number, true or false becomes one; an empty value is
  /// left out. Errors: not_found, invalid_argument naming file and line.
  static Result<Attributes> read(const std::filesystem::path& file);

  /// The members for a picture, without braces; empty if there are none.
  std::string_view members_for(const std::string& picture_name) const;
  std::size_t size() const { return members_.size(); }

 private:
  Status add_table(const CsvTable& table, const std::string& file);
  Status read_ndjson(const std::string& text, const std::string& file);

  std::map<std::string, std::string> members_;
};

}  // namespace sightline::ingest
