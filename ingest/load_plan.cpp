#include "ingest/load_plan.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/json/builder.h"
#include "ingest/row_matching.h"

namespace sightline::ingest {

LoadPlan::LoadPlan(const std::vector<PictureFile>& pictures, const Attributes* attributes, PlanOptions options)
    : pictures_(&pictures), attributes_(attributes), options_(std::move(options)) {}

LoadItem LoadPlan::item(std::size_t at) const {
  const Entry& entry = entries_[at];
  LoadItem item = options_.one_per_row ? row_item(entry) : picture_item(entry);
  item.id = id_of(entry);
  return item;
}

LoadItem LoadPlan::picture_item(const Entry& entry) const {
  const PictureFile& picture = (*pictures_)[entry.picture];
  LoadItem item{picture.name(), {{picture, data_field(options_.file_columns, 0)}}, {}, {}};
  if (entry.row == k_none) return item;
  item.attributes = attributes_->rows()[entry.row].members;
  if (options_.file_columns.size() > 1) {
    item.attributes =
        json::Builder().list(item.attributes).member(k_column_field, options_.file_columns[entry.column]).text();
  }
  return item;
}

LoadItem LoadPlan::row_item(const Entry& entry) const {
  LoadItem item;
  item.attributes = attributes_->rows()[entry.row].members;
  for (std::size_t column = 0; column < options_.file_columns.size(); ++column) {
    const Number at = row_pictures_[entry.picture + column];
    if (at == k_none) continue;
    const PictureFile& picture = (*pictures_)[at];
    if (item.pictures.empty()) item.name = picture.name();
    // Where the first column's picture is missing, the next one stands in: a document has an `image_data`.
    const std::size_t place = item.pictures.empty() ? 0 : column;
    item.pictures.push_back({picture, data_field(options_.file_columns, place)});
  }
  return item;
}

const PictureFile& LoadPlan::first_picture(const Entry& entry) const {
  if (!options_.one_per_row) return (*pictures_)[entry.picture];
  auto at = row_pictures_.begin() + entry.picture;
  while (*at == k_none) ++at;
  return (*pictures_)[*at];
}

std::string LoadPlan::id_of(const Entry& entry) const {
  if (options_.id == PlanOptions::Id::path) return first_picture(entry).name();
  if (options_.id == PlanOptions::Id::column && entry.row != k_none) return attributes_->rows()[entry.row].id;
  return {};
}

class Planner {
 public:
  Planner(const std::vector<PictureFile>& pictures, const Attributes* attributes, const PlanOptions& options,
          FindingSink& found)
      : pictures_(pictures),
        attributes_(attributes),
        options_(options),
        found_(found),
        plan_(pictures, attributes, options) {}

  LoadPlan run() {
    RowMatches matches;
    if (attributes_ != nullptr)
      matches = match_rows(*attributes_, pictures_, options_.listed, [this](Note note) { pass_on(std::move(note)); });
    if (options_.one_per_row) {
      for (std::size_t row = 0; row < matches.of_row.size(); ++row) add_row(row, matches.of_row[row]);
    } else {
      if (options_.listed.empty()) plan_.entries_.reserve(pictures_.size());
      for (std::size_t picture = 0; picture < pictures_.size(); ++picture)
        add_picture(picture, attributes_ ? matches.of_picture[picture] : std::nullopt);
    }
    return std::move(plan_);
  }

 private:
  using Entry = LoadPlan::Entry;
  using Number = LoadPlan::Number;

  void pass_on(Note note) {
    // A list is a part of what a table is about.
    if (options_.is_from_list && note.kind == Note::Kind::row_without_file) return;
    if (options_.one_per_row) {
      // Two rows may share a picture here, and a file without a row makes no document.
      if (note.kind == Note::Kind::same_file_twice) return;
      if (note.kind == Note::Kind::file_without_row) note.reason += ": it is not loaded";
    }
    found_.add(note);
  }

  bool is_listed(std::size_t picture) const { return options_.listed.empty() || options_.listed[picture]; }

  void add_picture(std::size_t picture, const std::optional<RowName>& name) {
    Entry entry{static_cast<Number>(picture)};
    if (name) {
      entry.row = static_cast<Number>(name->row);
      entry.column = static_cast<Number>(name->column);
    }
    add(entry, is_listed(picture));
  }

  void add_row(std::size_t at, const std::vector<std::optional<std::size_t>>& found) {
    const Attributes::Row& row = attributes_->rows()[at];
    if (std::all_of(found.begin(), found.end(), [](const auto& picture) { return !picture; })) {
      if (!options_.is_from_list)
        found_.add(Failure{"line " + std::to_string(row.line), 0, 0,
                           "none of the pictures that this row names is in the folder"});
      return;
    }
    const Entry entry{static_cast<Number>(plan_.row_pictures_.size()), static_cast<Number>(at)};
    for (const auto& picture : found)
      plan_.row_pictures_.push_back(picture ? static_cast<Number>(*picture) : LoadPlan::k_none);
    add(entry, is_whole(row, found));
  }

  /// False, and a failure unless none of them is listed, if the list names only some of the row's pictures.
  bool is_whole(const Attributes::Row& row, const std::vector<std::optional<std::size_t>>& found) {
    const std::string line = "line " + std::to_string(row.line);
    std::optional<std::size_t> first_listed, unlisted_column, absent_column;
    for (std::size_t column = 0; column < found.size(); ++column) {
      if (!found[column]) {
        if (!row.files[column].empty()) absent_column = column;
      } else if (!is_listed(*found[column])) {
        if (!unlisted_column) unlisted_column = column;
      } else if (!first_listed) {
        first_listed = *found[column];
      }
    }
    if (!first_listed) return false;
    const std::string name = pictures_[*first_listed].name();
    if (unlisted_column) {
      found_.add(Failure{name, 0, 0,
                         line + " is not loaded: it also names " + row.files[*unlisted_column] +
                             ", which is not in the list; list all pictures of a row"});
    } else if (absent_column) {
      found_.add(Note{Note::Kind::row_without_picture, name,
                      line + " is loaded without the pictures that are not in the folder"});
    }
    return !unlisted_column;
  }

  /// A document that is not `meant` keeps its _id from the others, as in a load of the whole folder, and is not made.
  void add(const Entry& entry, bool meant) {
    if (options_.id == PlanOptions::Id::hash) {
      if (meant) plan_.entries_.push_back(entry);
      return;
    }
    const std::string trouble = trouble_with_id(entry);
    if (trouble.empty()) {
      const auto [known, is_new] = known_.emplace(plan_.id_of(entry), entry);
      if (meant && is_new) return plan_.entries_.push_back(entry);
      if (meant)
        refuse(entry, place_of(entry) + " has the same _id, " + known->first + ", as " + place_of(known->second) +
                          "; " + way_out());
    } else if (meant) {
      refuse(entry, trouble);
    }
  }

  /// Why this document cannot have the _id that is asked for; nothing if it can.
  std::string trouble_with_id(const Entry& entry) const {
    if (options_.id == PlanOptions::Id::column) {
      if (entry.row == LoadPlan::k_none) return "it has no _id: no row of the attributes names this file";
      const Attributes::Row& row = attributes_->rows()[entry.row];
      if (row.id.empty())
        return "it has no _id: column " + options_.id_column + " of line " + std::to_string(row.line) + " is empty";
    }
    const std::size_t bytes = plan_.id_of(entry).size();
    if (bytes <= k_longest_id_bytes) return {};
    return "its _id would have " + std::to_string(bytes) + " bytes; Elasticsearch takes " +
           std::to_string(k_longest_id_bytes) + " (--id)";
  }

  std::string place_of(const Entry& entry) const { return plan_.first_picture(entry).path().string(); }

  std::string way_out() const {
    if (options_.id == PlanOptions::Id::column)
      return "the column " + options_.id_column + " must differ for each document";
    return options_.one_per_row ? "--id column:NAME distinguishes rows with the same picture"
                                : "give the folder above both instead of two folders";
  }

  void refuse(const Entry& entry, std::string reason) {
    found_.add(Failure{plan_.first_picture(entry).name(), 0, 0, std::move(reason)});
  }

  const std::vector<PictureFile>& pictures_;
  const Attributes* attributes_;
  const PlanOptions& options_;
  FindingSink& found_;
  std::unordered_map<std::string, Entry> known_;  // ids, with whose they are
  LoadPlan plan_;
};

std::string data_field(const std::vector<std::string>& file_columns, std::size_t column) {
  return column == 0 ? "image_data" : file_columns[column] + "_data";
}

Result<LoadPlan> plan_load(const std::vector<PictureFile>& pictures, const Attributes* attributes,
                           const PlanOptions& options, FindingSink& found) {
  const std::size_t names = attributes ? attributes->rows().size() * options.file_columns.size() : 0;
  if (std::max(pictures.size(), names) >= LoadPlan::k_most)
    return Error{ErrorCode::too_large, "more than 4 billion pictures or rows: load them in parts (--files-from)"};
  return Planner(pictures, attributes, options, found).run();
}

}  // namespace sightline::ingest
