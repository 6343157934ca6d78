#include "eval/dataset.h"

#include <algorithm>
#include <map>

#include "base/csv.h"

namespace sightline::eval {
namespace {

namespace fs = std::filesystem;

bool is_caption(const std::string& name) {
  return name == "caption" || name.starts_with("caption_");
}

bool leaves_folder(const fs::path& name) {
  return name.is_absolute() || std::find(name.begin(), name.end(), "..") != name.end();
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

}  // namespace

std::optional<std::uint32_t> Dataset::Attribute::number_of(std::string_view value) const {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found == values.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - values.begin());
}

Result<Dataset> Dataset::read(const fs::path& table, const fs::path& pictures) {
  const auto csv = read_csv(table);
  if (!csv.ok()) return csv.error();
  const auto file_column = csv->column("file");
  if (!file_column) return bad_line(table.string(), 1, "no column named file, which must name the pictures");
  if (csv->rows.empty()) return bad_line(table.string(), 2, "no pictures: the table has only its header row");

  Dataset data;
  for (const std::string& name : csv->names) {
    if (is_caption(name)) {
      data.caption_columns_.push_back(name);
    } else if (name != "file") {
      data.attributes_.push_back({name, {}});
    }
  }
  std::map<std::string, std::size_t> lines;
  std::vector<std::map<std::string, std::uint32_t>> numbers(data.attributes_.size());
  for (const CsvTable::Row& row : csv->rows) {
    Picture picture;
    picture.name = row.fields[*file_column];
    if (picture.name.empty()) return bad_line(table.string(), row.line, "no name in column file");
    if (leaves_folder(picture.name)) {
      return bad_line(table.string(), row.line,
                      picture.name + " is not below the folder of pictures; name it relative to that folder");
    }
    if (const auto [first, added] = lines.emplace(picture.name, row.line); !added) {
      return bad_line(table.string(), row.line,
                      picture.name + " is already in line " + std::to_string(first->second) +
                          "; put its other captions into separate columns (caption_2)");
    }
    picture.path = pictures / picture.name;
    std::size_t attribute = 0;
    for (std::size_t column = 0; column < csv->names.size(); ++column) {
      const std::string& field = row.fields[column];
      if (column == *file_column) continue;
      if (is_caption(csv->names[column])) {
        picture.captions.push_back(field);
        continue;
      }
      auto& values = data.attributes_[attribute].values;
      std::uint32_t number = k_unknown;
      if (!field.empty()) {
        const auto [known, added] = numbers[attribute].emplace(field, static_cast<std::uint32_t>(values.size()));
        if (added) values.push_back(field);
        number = known->second;
      }
      picture.values.push_back(number);
      ++attribute;
    }
    data.pictures_.push_back(std::move(picture));
  }
  return data;
}

Result<std::uint32_t> Dataset::attribute(std::string_view name) const {
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < attributes_.size(); ++i) {
    if (attributes_[i].name == name) return i;
    names.push_back(attributes_[i].name);
  }
  return Error{ErrorCode::invalid_argument,
               "the table has no attribute [" + std::string(name) + "]; it has: " + listed(names)};
}

Result<std::uint32_t> Dataset::caption_column(std::string_view name) const {
  const auto found = std::find(caption_columns_.begin(), caption_columns_.end(), name);
  if (found != caption_columns_.end()) return static_cast<std::uint32_t>(found - caption_columns_.begin());
  return Error{ErrorCode::invalid_argument,
               "the table has no caption column [" + std::string(name) + "]; it has: " + listed(caption_columns_)};
}

}  // namespace sightline::eval
