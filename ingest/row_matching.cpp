#include "ingest/row_matching.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <unordered_map>

#include "ingest/file_names.h"

namespace sightline::ingest {
namespace {

// Suggestions take time that grows with names times pictures: no more than this many of each.
constexpr std::size_t k_names_with_suggestions = 50, k_pictures_to_suggest = 20'000;
constexpr std::size_t k_longest_typo = 2;  // edits

// Of the rows that name one file.
constexpr std::size_t k_lines_named = 10;

class Matcher {
 public:
  Matcher(const Attributes& attributes, const std::vector<PictureFile>& pictures, const std::vector<bool>& listed,
          const std::function<void(Note)>& note)
      : attributes_(attributes), pictures_(pictures), listed_(listed), note_(note) {
    matches_.of_picture.resize(pictures.size());
    for (const Attributes::Row& row : attributes.rows()) matches_.of_row.emplace_back(row.files.size());
    group_of_picture_.resize(pictures.size(), k_no_group);
  }

  RowMatches run() {
    const auto as_written = [](std::string_view name) { return std::string(name); };
    const auto own_path = [](const PictureFile& picture) { return std::vector<std::string>{picture.name()}; };
    if (has_several_folders()) step(canonical_path, paths_with_folder, false, false);
    step(as_written, own_path, false, false);
    step(canonical_path, paths_of, false, false);
    step(folded_path, paths_of, true, false);
    const auto file_name = [](const PictureFile& picture) {
      return std::vector<std::string>{std::string(file_name_of(picture.name()))};
    };
    step(as_written, file_name, false, true);
    step(canonical_path, file_name, false, true);
    step(folded_path, file_name, true, true);
    note_rows_without_file();
    note_files_without_row();
    note_files_with_two_rows();
    return std::move(matches_);
  }

 private:
  using Spelling = std::function<std::string(std::string_view)>;
  using Paths = std::function<std::vector<std::string>(const PictureFile&)>;

  /// The names that found the same pictures. There may be many of both.
  struct Group {
    std::size_t names = 0;
    std::vector<std::size_t> first_lines;
    bool has_two_rows = false;
  };
  static constexpr std::size_t k_no_group = static_cast<std::size_t>(-1);

  bool has_several_folders() const {
    return differ(
        pictures_, [](const PictureFile& picture) -> const auto& { return picture.folder(); });
  }

  /// The ways in which a table can name a picture's place: below its folder, and those of paths_with_folder.
  static std::vector<std::string> paths_of(const PictureFile& picture) {
    std::vector<std::string> paths = paths_with_folder(picture);
    paths.insert(paths.begin(), picture.name());
    return paths;
  }

  /// With the folder, absolute.
  static std::vector<std::string> paths_with_folder(const PictureFile& picture) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(picture.path(), error);
    std::vector<std::string> paths{utf8_name(picture.path().string())};
    if (!error) paths.push_back(utf8_name(absolute.string()));
    return paths;
  }

  /// Lets the names that mean no picture yet find those that have no name yet. `one_to_one`: only where just
  /// one spelling on each side is left. `bare`: names without a folder alone; one may find several pictures.
  void step(const Spelling& spelling, const Paths& paths, bool one_to_one, bool bare) {
    std::unordered_map<std::string, std::vector<RowName>> names;
    for (std::size_t row = 0; row < attributes_.rows().size(); ++row) {
      for (std::size_t column = 0; column < attributes_.rows()[row].files.size(); ++column) {
        if (name_at({row, column}).empty() || matches_.of_row[row][column]) continue;
        std::string spelled = spelling(name_at({row, column}));
        if (bare && spelled.find('/') != std::string::npos) continue;
        if (!spelled.empty()) names[std::move(spelled)].push_back({row, column});
      }
    }
    if (names.empty()) return;
    std::unordered_map<std::string, std::vector<std::size_t>> found;  // names to pictures
    for (std::size_t picture = 0; picture < pictures_.size(); ++picture) {
      if (has_names(picture)) continue;
      for (const std::string& path : paths(pictures_[picture])) {
        const auto same = names.find(spelling(path));
        if (same == names.end()) continue;
        found[same->first].push_back(picture);
        break;
      }
    }
    for (const auto& [spelled, pictures] : found) {
      const std::vector<RowName>& rows = names[spelled];
      if (one_to_one && (differ(rows, [&](const RowName& name) { return canonical_path(name_at(name)); }) ||
                         differ(pictures, [&](std::size_t picture) {
                           const std::string name = pictures_[picture].name();
                           return canonical_path(bare ? file_name_of(name) : std::string_view(name));
                         })))
        continue;
      take(rows, pictures);
    }
  }

  template <class List, class Text>
  static bool differ(const List& list, const Text& text) {
    return std::any_of(list.begin(), list.end(), [&](const auto& item) { return text(item) != text(list.front()); });
  }

  /// Each of these names, in order, means each of these pictures, which have no name yet.
  void take(const std::vector<RowName>& names, const std::vector<std::size_t>& pictures) {
    for (const RowName& name : names) matches_.of_row[name.row][name.column] = pictures.front();
    for (const std::size_t picture : pictures) {
      matches_.of_picture[picture] = names.back();
      group_of_picture_[picture] = groups_.size();
    }
    Group group{names.size(), {}, names.front().row != names.back().row};
    for (std::size_t i = 0; i < std::min(names.size(), k_lines_named); ++i)
      group.first_lines.push_back(line_of(names[i]));
    groups_.push_back(std::move(group));
  }

  bool has_names(std::size_t picture) const { return group_of_picture_[picture] != k_no_group; }

  const std::string& name_at(const RowName& name) const { return attributes_.rows()[name.row].files[name.column]; }
  std::size_t line_of(const RowName& name) const { return attributes_.rows()[name.row].line; }

  bool is_listed(std::size_t picture) const { return listed_.empty() || listed_[picture]; }
  void note(Note::Kind kind, const std::string& name, std::string reason) { note_({kind, name, std::move(reason)}); }

  static bool has_all_files(const std::vector<std::optional<std::size_t>>& of_row) {
    return std::all_of(of_row.begin(), of_row.end(), [](const auto& found) { return found.has_value(); });
  }

  void note_rows_without_file() {
    if (std::all_of(matches_.of_row.begin(), matches_.of_row.end(), has_all_files)) return;
    std::unordered_map<std::string, std::size_t> by_folded;
    for (std::size_t picture = 0; picture < pictures_.size(); ++picture) {
      folded_.push_back(folded_path(pictures_[picture].name()));
      by_folded.emplace(folded_.back(), picture);
    }
    std::size_t suggested = 0;
    for (std::size_t row = 0; row < attributes_.rows().size(); ++row) {
      for (std::size_t column = 0; column < matches_.of_row[row].size(); ++column) {
        const RowName name{row, column};
        if (matches_.of_row[row][column]) continue;
        const std::string line = "line " + std::to_string(line_of(name));
        if (folded_path(name_at(name)).empty()) {
          if (matches_.of_row[row].size() == 1) note(Note::Kind::row_without_file, line, "this row names no file");
          continue;
        }
        std::string reason = line + " names a file that is not in the folder";
        if (const auto near = by_folded.find(folded_path(name_at(name))); near != by_folded.end()) {
          reason += why_not(near->second);
        } else if (suggested++ < k_names_with_suggestions) {
          reason += suggestion(name_at(name));
        }
        note(Note::Kind::row_without_file, name_at(name), reason);
      }
    }
  }

  /// Why the picture whose name differs only in its spelling is not meant.
  std::string why_not(std::size_t picture) const {
    const std::optional<RowName>& other = matches_.of_picture[picture];
    if (other) return "; " + pictures_[picture].name() + " belongs to line " + std::to_string(line_of(*other));
    return "; several files or rows are spelled like it, but for capital and small letters";
  }

  std::string suggestion(const std::string& name) const {
    const std::string wanted = folded_path(name), wanted_file(file_name_of(wanted));
    std::size_t best = k_longest_typo + 1;
    const PictureFile* nearest = nullptr;
    const std::size_t looked_at = std::min(pictures_.size(), k_pictures_to_suggest);
    for (std::size_t picture = 0; picture < looked_at; ++picture) {
      if (has_names(picture)) continue;  // it has its row
      const std::string& path = folded_[picture];
      const std::size_t distance = std::min(edit_distance(wanted, path, k_longest_typo),
                                            edit_distance(wanted_file, file_name_of(path), k_longest_typo));
      if (distance < best) {
        best = distance;
        nearest = &pictures_[picture];
      }
    }
    return nearest == nullptr ? "" : "; did you mean " + nearest->name() + "?";
  }

  void note_files_without_row() {
    for (std::size_t picture = 0; picture < pictures_.size(); ++picture) {
      if (!has_names(picture) && is_listed(picture))
        note(Note::Kind::file_without_row, pictures_[picture].name(), "no row of the attributes names this file");
    }
  }

  void note_files_with_two_rows() {
    for (std::size_t picture = 0; picture < pictures_.size(); ++picture) {
      if (!is_listed(picture) || !has_names(picture)) continue;
      const Group& group = groups_[group_of_picture_[picture]];
      if (!group.has_two_rows) continue;
      std::string lines;
      for (const std::size_t line : group.first_lines) lines += (lines.empty() ? "" : ", ") + std::to_string(line);
      if (group.names > group.first_lines.size())
        lines += " and " + std::to_string(group.names - group.first_lines.size()) + " more";
      note(Note::Kind::same_file_twice, pictures_[picture].name(),
           "lines " + lines + " name this file; line " + std::to_string(line_of(*matches_.of_picture[picture])) +
               " counts");
    }
  }

  const Attributes& attributes_;
  const std::vector<PictureFile>& pictures_;
  const std::vector<bool>& listed_;
  const std::function<void(Note)>& note_;
  std::vector<Group> groups_;
  std::vector<std::size_t> group_of_picture_;
  std::vector<std::string> folded_;  // names of pictures, for suggestions
  RowMatches matches_;
};

}  // namespace

RowMatches match_rows(const Attributes& attributes, const std::vector<PictureFile>& pictures,
                      const std::vector<bool>& listed, const std::function<void(Note)>& note) {
  return Matcher(attributes, pictures, listed, note).run();
}

}  // namespace sightline::ingest
