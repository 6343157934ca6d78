// What is known of the pictures besides their pixels: a table whose rows name pictures.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/csv.h"
#include "base/result.h"
#include "ingest/field_types.h"

namespace sightline::ingest {

/// A table of attributes: CSV, or NDJSON.
///
/// Each field has one type over the whole table (FieldSurvey), so that the first document's values never
/// decide what the others may be. A row's members are ready JSON: `"price":350000,"city":"Lyon"`.
class Attributes {
 public:
  struct Options {
    std::vector<std::string> file_columns{"file"};  ///< columns (keys) that name pictures
    bool keep_file_columns = false;                 ///< they become fields, too
    std::map<std::string, FieldType> types;         ///< by field: instead of what its values look like
    std::string id_column;                          ///< its values become ids; empty: none
    char separator = 0;                             ///< of a CSV file; 0: detect_separator
    std::vector<std::string> reserved;              ///< more names that the loader writes itself
  };

  struct Row {
    std::size_t line = 0;            ///< of the file, counted from 1
    std::vector<std::string> files;  ///< one for each of `file_columns`; empty where the row names none
    std::string id;                  ///< of `id_column`, without blanks around it; empty if there is none
    std::string members;             ///< JSON members without braces
  };

  struct Field {
    std::string name;  ///< a path, with dots, for values within objects
    FieldType type = FieldType::text;
    bool asked_for = false;  ///< in Options::types
    bool is_vector = false;  ///< arrays of 128 numbers or more: Elasticsearch finds a type for them itself
    FieldSurvey survey;
  };

  /// Reads a CSV file (RFC 4180, UTF-8, first row: names) or, if the name ends in .ndjson or .jsonl, one JSON
  /// object per line. In CSV an empty value is left out. In NDJSON the values stay as they are written, but
  /// where rows disagree about a field: then numbers become texts, or whole numbers decimals.
  /// Errors: not_found; invalid_argument naming file and line.
  static Result<Attributes> read(const std::filesystem::path& file, const Options& options);
  static Result<Attributes> read(const std::filesystem::path& file) { return read(file, Options()); }

  const std::vector<Row>& rows() const { return rows_; }
  /// In the table's order. Fields without any value are left out.
  const std::vector<Field>& fields() const { return fields_; }

 private:
  class Table;
  class Lines;

  std::vector<Row> rows_;
  std::vector<Field> fields_;
};

/// One line for each field: its name, its type and, where one value made it text, that value.
std::string describe(const Attributes::Field& field);

}  // namespace sightline::ingest
