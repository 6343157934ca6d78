#include "ingest/report.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <string_view>
#include <utility>

#include "ingest/file_names.h"

namespace sightline::ingest {
namespace {

// What failed is named as long as a screen holds it; of what is only noted a few examples do.
constexpr std::size_t k_failures_shown = 20, k_notes_shown = 5;

constexpr std::string_view k_columns = "file,status,attempts,reason,kind\n";

struct Heading {
  Note::Kind kind;
  const char* one;
  const char* many;
};
constexpr std::array<Heading, 13> k_headings{{
    {Note::Kind::row_without_file, "1 name in the attributes matches no file",
     " names in the attributes match no file"},
    {Note::Kind::row_without_picture, "1 row lacks some of its pictures", " rows lack some of their pictures"},
    {Note::Kind::file_without_row, "1 file has no row in the attributes", " files have no row in the attributes"},
    {Note::Kind::same_file_twice, "1 file has more than one row", " files have more than one row"},
    {Note::Kind::same_bytes, "1 file has the bytes of another but other attributes",
     " files have the bytes of others but other attributes"},
    {Note::Kind::other_name, "1 document had another file name before", " documents had another file name before"},
    {Note::Kind::old_vector, "1 document lost the vectors of its earlier picture",
     " documents lost the vectors of their earlier pictures"},
    {Note::Kind::misfit, "1 field does not fit the index's mapping", " fields do not fit the index's mapping"},
    {Note::Kind::linked_folder, "1 folder behind a symbolic link was not entered",
     " folders behind symbolic links were not entered"},
    {Note::Kind::turned_picture,
     "1 picture lies on its side or is mirrored (EXIF); start sightline-server with --exif-orientation to turn "
     "it",
     " pictures lie on their side or are mirrored (EXIF); start sightline-server with --exif-orientation to turn "
     "them"},
    {Note::Kind::listed_twice, "1 file is in the list more than once", " files are in the list more than once"},
    {Note::Kind::listed_outside, "1 name in the list is outside of the folder and was not loaded",
     " names in the list are outside of the folder and were not loaded"},
    {Note::Kind::listed_other, "1 name in the list is no picture and was not loaded",
     " names in the list are no pictures and were not loaded"},
}};

std::string csv_field(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : printable(text)) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

/// The reason of such a note adds nothing.
bool heading_says_all(Note::Kind kind) {
  return kind == Note::Kind::file_without_row || kind == Note::Kind::turned_picture ||
         kind == Note::Kind::linked_folder || kind == Note::Kind::listed_twice;
}

std::size_t place_of(Note::Kind kind) {
  const auto heading =
      std::find_if(k_headings.begin(), k_headings.end(), [&](const Heading& one) { return one.kind == kind; });
  return static_cast<std::size_t>(heading - k_headings.begin());
}

void print_lines(std::ostream& out, const std::vector<std::string>& lines, std::size_t count) {
  for (const std::string& line : lines) out << "  " << printable(line) << "\n";
  if (count > lines.size()) out << "  and " << count - lines.size() << " more\n";
}

}  // namespace

Status Report::open_file() {
  if (file_) return {};
  auto opened = ReportFile::open(name_, k_columns, "--report");
  if (!opened.ok()) return opened.error();
  file_ = std::move(*opened);
  return {};
}

void Report::write(const std::string& line) {
  const bool is_first = !std::exchange(is_begun_, true);
  is_whole_ = is_whole_ && open_file().ok() && file_->append(is_first ? std::string(k_columns) + line : line).ok();
}

void Report::add(const Failure& failure) {
  const std::lock_guard lock(mutex_);
  write(csv_field(failure.name) + ',' + std::to_string(failure.status) + ',' + std::to_string(failure.attempts) + ',' +
        csv_field(failure.reason) + ",failed\n");
  if (++failures_.count <= k_failures_shown) failures_.lines.push_back(failure.name + ": " + failure.reason);
}

void Report::add(const Note& note) {
  const std::lock_guard lock(mutex_);
  write(csv_field(note.name) + ",0,0," + csv_field(note.reason) + ",note\n");
  Shown& shown = notes_[place_of(note.kind)];
  if (++shown.count <= k_notes_shown)
    shown.lines.push_back(heading_says_all(note.kind) ? note.name : note.name + ": " + note.reason);
}

Status Report::open() {
  const std::lock_guard lock(mutex_);
  return open_file();
}

bool Report::is_also(const std::filesystem::path& path) const {
  const std::lock_guard lock(mutex_);
  return file_ && file_->is_also(path);
}

bool Report::is_empty() const {
  const std::lock_guard lock(mutex_);
  return !is_begun_;
}

std::size_t Report::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_.count;
}

bool Report::is_whole() const {
  const std::lock_guard lock(mutex_);
  return is_whole_;
}

void Report::print(std::ostream& out) const {
  const std::lock_guard lock(mutex_);
  print_lines(out, failures_.lines, failures_.count);
  for (std::size_t at = 0; at < k_headings.size(); ++at) {
    const Shown& shown = notes_[at];
    if (shown.count == 0) continue;
    out << (shown.count == 1 ? k_headings[at].one : std::to_string(shown.count) + k_headings[at].many) << "\n";
    print_lines(out, shown.lines, shown.count);
  }
  if (is_begun_ && is_whole_) out << "all of these with their reasons: " << name_.string() << "\n";
}

void print_counts(std::ostream& out, const Tally& tally, std::size_t failed) {
  out << tally.indexed << " indexed";
  if (tally.updated > 0) out << " (" << tally.updated << " of them updated)";
  if (tally.skipped > 0) out << ", " << tally.skipped << " already there";
  if (tally.duplicates > 0) out << ", " << tally.duplicates << " with the same bytes as another file";
  out << ", " << failed << " failed";
  if (tally.retried > 0) out << ", " << tally.retried << " sent again";
  out << "\n";
}

}  // namespace sightline::ingest
