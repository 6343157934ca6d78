#include "base/csv.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include "base/json/reader.h"
#include "base/json/utf8.h"
#include "base/trimmed.h"

namespace sightline {
namespace {

/// Splits text into rows of fields; `unfinished` becomes the line of a quote that is not closed, else 0.
std::vector<CsvTable::Row> split(std::string_view text, char separator, std::size_t& unfinished) {
  std::vector<CsvTable::Row> rows;
  std::size_t line = 1, quote_line = 0;
  CsvTable::Row row{line, {}};
  std::string field;
  bool quoted = false, any = false;
  const auto end_row = [&] {
    if (any || !field.empty()) {
      row.fields.push_back(std::move(field));
      rows.push_back(std::move(row));
    }
    row = {line, {}};
    field.clear();
    any = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_return = c == '\r' && text.substr(i + 1, 1) == "\n";
    const bool ends_line = c == '\n' || (c == '\r' && !is_return);  // a carriage return alone: old spreadsheets
    if (ends_line) ++line;
    if (quoted) {
      if (c != '"') {
        field.push_back(c);
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field.push_back('"');
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = any = true;
      quote_line = line;
    } else if (c == separator) {
      row.fields.push_back(std::move(field));
      field.clear();
      any = true;
    } else if (ends_line) {
      end_row();
    } else if (!is_return) {
      field.push_back(c);
    }
  }
  end_row();
  unfinished = quoted ? quote_line : 0;
  return rows;
}

/// Drops the columns at the end that have neither name nor values: spreadsheets write such columns.
void drop_empty_columns(std::vector<std::string>& names, std::vector<CsvTable::Row>& rows) {
  while (names.size() > 1 && names.back().empty()) {
    const std::size_t last = names.size() - 1;
    const bool has_values = std::any_of(rows.begin(), rows.end(), [&](const CsvTable::Row& row) {
      return row.fields.size() > last && !row.fields[last].empty();
    });
    if (has_values) return;
    names.pop_back();
    for (CsvTable::Row& row : rows) {
      if (row.fields.size() > last) row.fields.pop_back();
    }
  }
}

}  // namespace

std::optional<std::size_t> CsvTable::column(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

Error bad_line(const std::string& file, std::size_t line, const std::string& what) {
  return {ErrorCode::invalid_argument, file + ", line " + std::to_string(line) + ": " + what};
}

Result<CsvTable> parse_csv(std::string_view text, const std::string& file, char separator) {
  if (json::find_invalid_utf8(text))
    return Error{ErrorCode::invalid_argument, file + " is not UTF-8 text; save it as CSV UTF-8"};
  text = json::without_byte_order_mark(text);
  std::size_t unfinished = 0;
  std::vector<CsvTable::Row> rows = split(text, separator, unfinished);
  if (unfinished > 0) return bad_line(file, unfinished, "the quote opened here is not closed");
  if (rows.empty()) return Error{ErrorCode::invalid_argument, file + " is empty; its first row must name the columns"};

  CsvTable table;
  const std::size_t head_line = rows.front().line;
  table.names = std::move(rows.front().fields);
  rows.erase(rows.begin());
  for (std::string& name : table.names) name = trimmed(name, " \t");
  drop_empty_columns(table.names, rows);
  std::set<std::string_view> seen;
  for (std::size_t column = 0; column < table.names.size(); ++column) {
    const std::string& name = table.names[column];
    if (name.empty()) return bad_line(file, head_line, "column " + std::to_string(column + 1) + " has no name");
    if (!seen.insert(name).second) return bad_line(file, head_line, "column " + name + " occurs twice");
  }
  for (const CsvTable::Row& row : rows) {
    if (row.fields.size() == table.names.size()) continue;
    return bad_line(
        file, row.line,
        std::to_string(row.fields.size()) + " fields, but " + std::to_string(table.names.size()) + " columns");
  }
  table.rows = std::move(rows);
  return table;
}

char detect_separator(std::string_view& text) {
  constexpr std::string_view k_candidates = ",;\t|";
  text = json::without_byte_order_mark(text);
  const std::string_view first_line = text.substr(0, text.find_first_of("\r\n"));
  if (first_line.size() == 5 && first_line.starts_with("sep=")) {
    text.remove_prefix(first_line.size());
    return first_line.back();
  }
  std::array<std::size_t, k_candidates.size()> counts{};
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n' || c == '\r') {
      if (std::any_of(counts.begin(), counts.end(), [](std::size_t count) { return count > 0; })) break;
    } else if (const std::size_t which = k_candidates.find(c); which != std::string_view::npos) {
      ++counts[which];
    }
  }
  const auto most = std::max_element(counts.begin(), counts.end());
  return k_candidates[static_cast<std::size_t>(most - counts.begin())];
}

Result<CsvTable> read_csv(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::not_found, "cannot read " + file.string()};
  std::stringstream content;
  content << in.rdbuf();
  return parse_csv(content.str(), file.string());
}

}  // namespace sightline
