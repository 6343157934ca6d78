// Tables in CSV files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline {

/// A table whose columns have names. Every row has as many fields as there are names.
struct CsvTable {
  struct Row {
    std::size_t line = 0;  ///< of the file, counted from 1, where the row begins
    std::vector<std::string> fields;
  };
  std::vector<std::string> names;  ///< all different, none empty
  std::vector<Row> rows;

  std::optional<std::size_t> column(std::string_view name) const;
};

/// Parses CSV text (RFC 4180, UTF-8, a byte order mark allowed): the first row has the names, without
/// whitespace around them; empty lines are skipped, and columns at the end that have neither name nor values
/// are ignored. `file` is its name in errors. Errors: invalid_argument naming file and line.
Result<CsvTable> parse_csv(std::string_view text, const std::string& file, char separator = ',');

/// The separator of the fields of `text`: the one in its first line (`sep=;`, as spreadsheets write it), else
/// the most frequent one outside of quotes in its first line: a comma, a semicolon, a tab or a vertical bar.
/// A comma if there is none of them. The line `sep=` is removed from `text`.
char detect_separator(std::string_view& text);

/// The same for a file. Errors: not_found, and those of `parse_csv`.
Result<CsvTable> read_csv(const std::filesystem::path& file);

/// invalid_argument: "`file`, line `line`: `what`".
Error bad_line(const std::string& file, std::size_t line, const std::string& what);

}  // namespace sightline
