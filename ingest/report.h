// What became of a load, for people: the report file and the summary.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iosfwd>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ingest/note.h"
#include "ingest/progress.h"

namespace sightline::ingest {

/// Writes what is found to a CSV file as it is found: `file,status,attempts,reason,kind`; `kind` is `failed` or
/// `note`. In memory stay only counts and the first few of each kind, however many there are.
///
/// The file is created with the first finding. It is UTF-8 with one line each, whatever bytes the names hold: what is
/// not UTF-8 or not printable becomes `\xE9`.
/// Only one load at a time writes a file: it is locked (flock) from `open` to the end of the report.
/// Thread safety: all members may be called from any thread.
class Report final : public FindingSink {
 public:
  explicit Report(std::filesystem::path file) : file_(std::move(file)) {}
  ~Report() override;
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  /// Makes sure that the file can be written, before anything is found; what it holds stays until then. Errors:
  /// invalid_argument (it cannot be written, holds something else than a report, or another load is writing it).
  Status open();

  void add(const Failure& failure) override;
  void add(const Note& note) override;

  bool is_empty() const;
  std::size_t failures() const;
  /// Writes what is buffered. False if the file could not be written, or not wholly.
  bool finish();
  /// Prints what failed, then the first few of each kind of note, and where all of them are, if they could be written.
  void print(std::ostream& out) const;

 private:
  static constexpr std::size_t k_kinds = 13;  // of notes
  /// Of one kind: how many there are, and what is printed of the first.
  struct Shown {
    std::size_t count = 0;
    std::vector<std::string> lines;
  };

  void write(const std::string& line);
  bool is_written() const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;  // of what follows
  bool is_begun_ = false;
  std::ofstream out_;
  int lock_ = -1;            // a descriptor of the file
  bool is_created_ = false;  // by `open`
  Shown failures_;
  std::array<Shown, k_kinds> notes_;
};

/// Prints the counts of a load.
void print_counts(std::ostream& out, const Tally& tally, std::size_t failed);

}  // namespace sightline::ingest
