// What became of a load, for people: the report file and the summary.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "ingest/loader.h"
#include "ingest/note.h"
#include "ingest/progress.h"

namespace sightline::ingest {

/// What failed and what should be known, all of a load.
struct Findings {
  std::vector<Failure> failures;
  std::vector<Note> notes;
};

/// Writes a CSV file: `file,status,attempts,reason,kind`; `kind` is `failed` or `note`. It is UTF-8 with one
/// line each, whatever bytes the names hold: what is not UTF-8 or not printable becomes `\xE9`. False if it
/// cannot be written.
bool write_report(const std::filesystem::path& file, const Findings& findings);

/// Prints counts, then the first few of each kind of finding. `report` is where all of them are.
void print_summary(std::ostream& out, const Tally& tally, const Findings& findings, const std::string& report);

}  // namespace sightline::ingest
