#include "ingest/load_plan.h"

#include <algorithm>
#include <unordered_map>

#include "base/json/builder.h"
#include "ingest/row_matching.h"

namespace sightline::ingest {
namespace {

class Planner {
 public:
  Planner(const std::vector<PictureFile>& pictures, const Attributes* attributes, const PlanOptions& options)
      : pictures_(pictures), attributes_(attributes), options_(options) {}

  LoadPlan run() {
    RowMatches matches;
    if (attributes_ != nullptr) {
      matches = match_rows(*attributes_, pictures_);
      plan_.notes = std::move(matches.notes);
    }
    if (options_.one_per_row) {
      speak_of_rows();
      for (std::size_t row = 0; row < matches.of_row.size(); ++row) add_row(row, matches.of_row[row]);
    } else {
      for (std::size_t picture = 0; picture < pictures_.size(); ++picture)
        add_picture(pictures_[picture], attributes_ ? matches.of_picture[picture] : std::nullopt);
    }
    return std::move(plan_);
  }

 private:
  /// Two rows may share a picture here, and a file without a row makes no document.
  void speak_of_rows() {
    std::erase_if(plan_.notes, [](const Note& note) { return note.kind == Note::Kind::same_file_twice; });
    for (Note& note : plan_.notes) {
      if (note.kind == Note::Kind::file_without_row) note.reason += ": it is not loaded";
    }
  }

  void add_picture(const PictureFile& picture, const std::optional<RowName>& name) {
    LoadItem item{picture.name, {{picture, data_field(options_.file_columns, 0)}}, {}, {}};
    const Attributes::Row* const row = name ? &attributes_->rows()[name->row] : nullptr;
    if (row != nullptr) item.attributes = row->members;
    if (row != nullptr && options_.file_columns.size() > 1)
      item.attributes =
          json::Builder().list(item.attributes).member(k_column_field, options_.file_columns[name->column]).text();
    add(std::move(item), row);
  }

  void add_row(std::size_t at, const std::vector<std::vector<std::size_t>>& found) {
    const Attributes::Row& row = attributes_->rows()[at];
    LoadItem item;
    item.attributes = row.members;
    bool is_missing = false;
    for (std::size_t column = 0; column < found.size(); ++column) {
      is_missing = is_missing || (found[column].empty() && !row.files[column].empty());
      if (found[column].empty()) continue;
      const PictureFile& picture = pictures_[found[column].front()];
      if (item.pictures.empty()) item.name = picture.name;
      // Where the first column's picture is missing, the next one stands in: a document has an `image_data`.
      const std::size_t place = item.pictures.empty() ? 0 : column;
      item.pictures.push_back({picture, data_field(options_.file_columns, place)});
    }
    const std::string line = "line " + std::to_string(row.line);
    if (item.pictures.empty()) {
      plan_.refusals.push_back({line, "none of the pictures that this row names is in the folder"});
      return;
    }
    if (is_missing) {
      plan_.notes.push_back({Note::Kind::row_without_picture, item.name,
                             line + " is loaded without the pictures that are not in the folder"});
    }
    add(std::move(item), &row);
  }

  void add(LoadItem item, const Attributes::Row* row) {
    if (options_.id == PlanOptions::Id::path) item.id = item.name;
    if (options_.id == PlanOptions::Id::column) {
      if (row == nullptr) return refuse(item, "it has no _id: no row of the attributes names this file");
      if (row->id.empty())
        return refuse(item, "it has no _id: column " + options_.id_column + " of line " + std::to_string(row->line) +
                                " is empty");
      item.id = row->id;
    }
    if (item.id.size() > k_longest_id_bytes)
      return refuse(item, "its _id would have " + std::to_string(item.id.size()) + " bytes; Elasticsearch takes " +
                              std::to_string(k_longest_id_bytes) + " (--id)");
    if (!item.id.empty()) {
      const std::string place = item.pictures.front().file.path.string();
      const auto [known, is_new] = places_.emplace(item.id, place);
      if (!is_new)
        return refuse(item, place + " has the same _id, " + item.id + ", as " + known->second + "; " + way_out());
    }
    plan_.items.push_back(std::move(item));
  }

  std::string way_out() const {
    if (options_.id == PlanOptions::Id::column)
      return "the column " + options_.id_column + " must differ for each document";
    return options_.one_per_row ? "--id column:NAME distinguishes rows with the same picture"
                                : "give the folder above both instead of two folders";
  }

  void refuse(const LoadItem& item, std::string reason) { plan_.refusals.push_back({item.name, std::move(reason)}); }

  const std::vector<PictureFile>& pictures_;
  const Attributes* attributes_;
  const PlanOptions& options_;
  std::unordered_map<std::string, std::string> places_;  // of ids, for messages
  LoadPlan plan_;
};

}  // namespace

std::string data_field(const std::vector<std::string>& file_columns, std::size_t column) {
  return column == 0 ? "image_data" : file_columns[column] + "_data";
}

LoadPlan plan_load(const std::vector<PictureFile>& pictures, const Attributes* attributes, const PlanOptions& options) {
  return Planner(pictures, attributes, options).run();
}

}  // namespace sightline::ingest
