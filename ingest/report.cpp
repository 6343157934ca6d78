#include "ingest/report.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <ostream>
#include <string_view>

#include "ingest/file_names.h"

namespace sightline::ingest {
namespace {

// What failed is named as long as a screen holds it; of what is only noted a few examples do.
constexpr std::size_t k_failures_shown = 20, k_notes_shown = 5;

struct Heading {
  Note::Kind kind;
  const char* one;
  const char* many;
};
constexpr std::array<Heading, 9> k_headings{{
    {Note::Kind::row_without_file, "1 name in the attributes matches no file",
     " names in the attributes match no file"},
    {Note::Kind::row_without_picture, "1 row lacks some of its pictures", " rows lack some of their pictures"},
    {Note::Kind::file_without_row, "1 file has no row in the attributes", " files have no row in the attributes"},
    {Note::Kind::same_file_twice, "1 file has more than one row", " files have more than one row"},
    {Note::Kind::same_bytes, "1 file has the bytes of another but other attributes",
     " files have the bytes of others but other attributes"},
    {Note::Kind::other_name, "1 document had another file name before", " documents had another file name before"},
    {Note::Kind::misfit, "1 field does not fit the index's mapping", " fields do not fit the index's mapping"},
    {Note::Kind::linked_folder, "1 folder behind a symbolic link was not entered",
     " folders behind symbolic links were not entered"},
    {Note::Kind::turned_picture,
     "1 picture lies on its side or is mirrored (EXIF); start sightline-server with --exif-orientation to turn "
     "it",
     " pictures lie on their side or are mirrored (EXIF); start sightline-server with --exif-orientation to turn "
     "them"},
}};

std::string csv_field(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : printable(text)) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

void print_lines(std::ostream& out, const std::vector<std::string>& lines, std::size_t most) {
  for (std::size_t i = 0; i < std::min(most, lines.size()); ++i) out << "  " << printable(lines[i]) << "\n";
  if (lines.size() > most) out << "  and " << lines.size() - most << " more\n";
}

/// The reason of such a note adds nothing.
bool heading_says_all(Note::Kind kind) {
  return kind == Note::Kind::file_without_row || kind == Note::Kind::turned_picture ||
         kind == Note::Kind::linked_folder;
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

}  // namespace

bool write_report(const std::filesystem::path& file, const Findings& findings) {
  std::ofstream out(file);
  out << "file,status,attempts,reason,kind\n";
  for (const Failure& failure : findings.failures) {
    out << csv_field(failure.name) << ',' << failure.status << ',' << failure.attempts << ','
        << csv_field(failure.reason) << ",failed\n";
  }
  for (const Note& note : findings.notes) out << csv_field(note.name) << ",0,0," << csv_field(note.reason) << ",note\n";
  return static_cast<bool>(out.flush());
}

void print_summary(std::ostream& out, const Tally& tally, const Findings& findings, const std::string& report) {
  print_counts(out, tally, findings.failures.size());
  std::vector<std::string> lines;
  for (const Failure& failure : findings.failures) lines.push_back(failure.name + ": " + failure.reason);
  print_lines(out, lines, k_failures_shown);
  for (const Heading& heading : k_headings) {
    lines.clear();
    for (const Note& note : findings.notes) {
      if (note.kind != heading.kind) continue;
      lines.push_back(heading_says_all(note.kind) ? note.name : note.name + ": " + note.reason);
    }
    if (lines.empty()) continue;
    out << (lines.size() == 1 ? heading.one : std::to_string(lines.size()) + heading.many) << "\n";
    print_lines(out, lines, k_notes_shown);
  }
  if (!findings.failures.empty() || !findings.notes.empty())
    out << "all of these with their reasons: " << report << "\n";
}

}  // namespace sightline::ingest
