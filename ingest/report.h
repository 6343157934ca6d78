// What became of a load, for people: the report file and the summary.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ingest/note.h"
#include "ingest/progress.h"
#include "ingest/report_file.h"

namespace sightline::ingest {

/// Writes what is found to a CSV file as it is found: `file,status,attempts,reason,kind`; `kind` is `failed` or
/// `note`. In memory stay only counts and the first few of each kind, however many there are.
///
/// It is UTF-8 with one line each, whatever bytes the names hold: what is
/// not UTF-8 or not printable becomes `\xE9`.
/// Thread safety: all members may be called from any thread.
class Report final : public FindingSink {
 public:
  explicit Report(std::filesystem::path file) : name_(std::move(file)) {}

  /// Makes sure that the file can be written, before anything is found; what it holds stays until then. Errors: those
  /// of ReportFile::open.
  Status open();
  /// True if `path` is the report's file, which is open.
  bool is_also(const std::filesystem::path& path) const;

  void add(const Failure& failure) override;
  void add(const Note& note) override;

  bool is_empty() const;
  std::size_t failures() const;
  /// False if the file could not be written, or not wholly.
  bool is_whole() const;
  /// Prints what failed, then the first few of each kind of note, and where all of them are, if they could be written.
  void print(std::ostream& out) const;

 private:
  static constexpr std::size_t k_kinds = 13;  // of notes
  /// Of one kind: how many there are, and what is printed of the first.
  struct Shown {
    std::size_t count = 0;
    std::vector<std::string> lines;
  };

  Status open_file();
  void write(const std::string& line);

  const std::filesystem::path name_;
  mutable std::mutex mutex_;  // of what follows
  std::optional<ReportFile> file_;
  bool is_begun_ = false;
  bool is_whole_ = true;
  Shown failures_;
  std::array<Shown, k_kinds> notes_;
};

/// Prints the counts of a load.
void print_counts(std::ostream& out, const Tally& tally, std::size_t failed);

}  // namespace sightline::ingest
