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
  Report report(file);
  CHECK(report.is_empty());
  CHECK_FALSE(std::filesystem::exists(file));
  report.add(Failure{"caf\xE9.jpg", 400, 1, "a \"bad\"\nreason"});
  report.add(Failure{"a,b.jpg", 0, 0, "x"});
  report.add(Note{Note::Kind::file_without_row, "n\x1B.jpg", "no row"});
  CHECK(report.is_whole());
  CHECK(report.failures() == 2);
  const auto table = read_csv(file);
  if (!table.ok()) FAIL(table.error().message);
  CHECK(table->names == std::vector<std::string>{"file", "status", "attempts", "reason", "kind"});
  REQUIRE(table->rows.size() == 3);
  CHECK(table->rows[0].fields ==
        std::vector<std::string>{"caf\\xE9.jpg", "400", "1", "a \"bad\"\\x0Areason", "failed"});
  CHECK(table->rows[1].fields[0] == "a,b.jpg");
  CHECK(table->rows[2].fields == std::vector<std::string>{"n\\x1B.jpg", "0", "0", "no row", "note"});
  Report nowhere("/nowhere/report.csv");
  CHECK(nowhere.is_whole());  // nothing to write
  nowhere.add(Failure{"a.jpg", 0, 0, "x"});
  CHECK_FALSE(nowhere.is_whole());
}

TEST_CASE("a report replaces an earlier report and no other file") {
  const TemporaryFolder folder;
  const auto earlier = folder.write("earlier.csv", "file,status,attempts,reason,kind\n\"a.jpg\",0,0,\"x\",note\n");
  CHECK(Report(earlier).open().ok());
  CHECK(Report(folder.write("empty.csv", "")).open().ok());
  for (const char* text : {"file,price\na.jpg,1\n", "\xFF\xD8\xFF", "file"}) {
    const auto table = folder.write("table.csv", text);
    Report report(table);
    const Status opened = report.open();
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().message.find("holds something else") != std::string::npos);
    CHECK(opened.error().message.find("--report") != std::string::npos);
    std::stringstream left;
    left << std::ifstream(table).rdbuf();
    CHECK(left.str() == text);
  }
}

TEST_CASE("the summary counts, names what failed, and gives examples of the rest") {
  Tally tally;
  tally.indexed = 9;
  tally.updated = 2;
  tally.skipped = 1;
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "r.csv").string();
  Report report(file);
  report.add(Failure{"broken.jpg", 0, 0, "this link leads in a circle"});
  for (int i = 0; i < 7; ++i)
    report.add(
        Note{Note::Kind::file_without_row, std::to_string(i) + ".jpg", "no row of the attributes names this file"});
  report.add(Note{Note::Kind::row_without_file, "typo.jpg", "line 2 names a file that is not in the folder"});
  std::ostringstream out;
  print_counts(out, tally, report.failures());
  report.print(out);
  CHECK(out.str() ==
        "9 indexed (2 of them updated), 1 already there, 1 failed\n"
        "  broken.jpg: this link leads in a circle\n"
        "1 name in the attributes matches no file\n"
        "  typo.jpg: line 2 names a file that is not in the folder\n"
        "7 files have no row in the attributes\n"
        "  0.jpg\n  1.jpg\n  2.jpg\n  3.jpg\n  4.jpg\n  and 2 more\n"
        "all of these with their reasons: " +
            file + "\n");
  out.str("");
  print_counts(out, Tally(), 0);
  Report("none.csv").print(out);
  CHECK(out.str() == "0 indexed, 0 failed\n");
}

TEST_CASE("of many failures the first are shown and all are in the file") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "report.csv";
  Report report(file);
  for (int i = 0; i < 100; ++i) report.add(Failure{std::to_string(i) + ".jpg", 0, 0, "x"});
  CHECK(report.is_whole());
  std::ostringstream out;
  report.print(out);
  CHECK(out.str().find("  19.jpg: x\n  and 80 more\n") != std::string::npos);
  const auto table = read_csv(file);
  REQUIRE(table.ok());
  CHECK(table->rows.size() == 100);
}

TEST_CASE("a report that cannot be written is refused before the load, and not named as written") {
  const TemporaryFolder folder;
  Report nowhere(folder.path() / "absent" / "r.csv");
  const Status refused = nowhere.open();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.ends_with("r.csv cannot be written (--report): No such file or directory"));
  CHECK_FALSE(Report(folder.path()).open().ok());
  nowhere.add(Failure{"a.jpg", 0, 0, "x"});
  CHECK_FALSE(nowhere.is_whole());
  std::ostringstream out;
  nowhere.print(out);
  CHECK(out.str() == "  a.jpg: x\n");
}

TEST_CASE("one load at a time writes a report, and a report of nothing leaves no file and no other content") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "r.csv";
  {
    Report first(file), second(file);
    CHECK(first.open().ok());
    const Status refused = second.open();
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("(--report): another program is writing it; give another file") !=
          std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(file));
  folder.write("r.csv", "file,status,attempts,reason,kind\n\"of an earlier load\",0,0,\"x\",note\n");
  const auto size = std::filesystem::file_size(file);
  { CHECK(Report(file).open().ok()); }
  CHECK(std::filesystem::file_size(file) == size);
  Report report(file);
  CHECK(report.open().ok());
  report.add(Failure{"a.jpg", 0, 0, "x"});
  CHECK(report.is_whole());
  CHECK(read_csv(file)->rows.size() == 1);
  const auto link = folder.path() / "link.csv", target = folder.path() / "target.csv";
  std::filesystem::create_symlink(target, link);
  { CHECK(Report(link).open().ok()); }
  CHECK(std::filesystem::is_symlink(link));
  CHECK_FALSE(std::filesystem::exists(target));
  Report device("/dev/null"), shared("/dev/null");
  CHECK(device.open().ok());
  CHECK(shared.open().ok());
}
