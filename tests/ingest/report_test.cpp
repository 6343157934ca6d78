#include "ingest/report.h"

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

#include "base/csv.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

TEST_CASE("the report is a table of readable lines, whatever the names hold") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "report.csv";
  CHECK(write_report(file, {{{"caf\xE9.jpg", 400, 1, "a \"bad\"\nreason"}, {"a,b.jpg", 0, 0, "x"}},
                            {{Note::Kind::file_without_row, "n\x1B.jpg", "no row"}}}));
  const auto table = read_csv(file);
  if (!table.ok()) FAIL(table.error().message);
  CHECK(table->names == std::vector<std::string>{"file", "status", "attempts", "reason", "kind"});
  REQUIRE(table->rows.size() == 3);
  CHECK(table->rows[0].fields ==
        std::vector<std::string>{"caf\\xE9.jpg", "400", "1", "a \"bad\"\\x0Areason", "failed"});
  CHECK(table->rows[1].fields[0] == "a,b.jpg");
  CHECK(table->rows[2].fields == std::vector<std::string>{"n\\x1B.jpg", "0", "0", "no row", "note"});
  CHECK_FALSE(write_report("/nowhere/report.csv", {}));
}

TEST_CASE("the summary counts, names what failed, and gives examples of the rest") {
  Tally tally;
  tally.indexed = 9;
  tally.updated = 2;
  tally.skipped = 1;
  Findings findings;
  findings.failures.push_back({"broken.jpg", 0, 0, "this link leads in a circle"});
  for (int i = 0; i < 7; ++i)
    findings.notes.push_back(
        {Note::Kind::file_without_row, std::to_string(i) + ".jpg", "no row of the attributes names this file"});
  findings.notes.push_back({Note::Kind::row_without_file, "typo.jpg", "line 2 names a file that is not in the folder"});
  std::ostringstream out;
  print_summary(out, tally, findings, "r.csv");
  CHECK(out.str() ==
        "9 indexed (2 of them updated), 1 already there, 1 failed\n"
        "  broken.jpg: this link leads in a circle\n"
        "1 name in the attributes matches no file\n"
        "  typo.jpg: line 2 names a file that is not in the folder\n"
        "7 files have no row in the attributes\n"
        "  0.jpg\n  1.jpg\n  2.jpg\n  3.jpg\n  4.jpg\n  and 2 more\n"
        "all of these with their reasons: r.csv\n");
  out.str("");
  print_summary(out, Tally(), {}, "r.csv");
  CHECK(out.str() == "0 indexed, 0 failed\n");
}
