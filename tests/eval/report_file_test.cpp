#include "eval/report_file.h"

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

#include "eval/report.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::eval;

namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  return content.str();
}

std::string refusal(const std::filesystem::path& file, std::string_view beginning = k_json_beginning) {
  const auto opened = ReportFile::open(file, beginning, "--json");
  return opened.ok() ? "" : opened.error().message;
}

}  // namespace

TEST_CASE("a report replaces an earlier report and no other file of its kind") {
  const TemporaryFolder folder;
  const auto own = folder.write("own.json", json_text({}));
  auto file = ReportFile::open(own, k_json_beginning, "--json");
  REQUIRE(file.ok());
  CHECK(file->write("new").ok());
  CHECK(content_of(own) == "new");
  CHECK(refusal(folder.write("page.html", html_text({}, {})), k_html_beginning).empty());
  for (const char* const other : {"{}", "{\"sets\": []}", "{\n \"name\": \"x\"\n}"}) {
    const auto kept = folder.write("other.json", other);
    CHECK(refusal(kept).find("(--json): it holds something else than an earlier report") != std::string::npos);
    CHECK(content_of(kept) == other);
  }
  CHECK_FALSE(refusal(folder.write("a.html", "<!doctype html>\n<html><title>mine</title>"), k_html_beginning).empty());
}

TEST_CASE("what was created for a report that is not written is removed again, and not a link to it") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "new.json", link = folder.path() / "link.json";
  std::filesystem::create_symlink(file, link);
  for (const auto& name : {file, link}) {
    CHECK(refusal(name).empty());
    CHECK_FALSE(std::filesystem::exists(file));
  }
  CHECK(std::filesystem::is_symlink(link));
  CHECK((*ReportFile::open(link, k_json_beginning, "--json")).write("new").ok());
  CHECK(content_of(file) == "new");
}

TEST_CASE("a pipe without a reader is refused, and a file is recognized under every name") {
  const TemporaryFolder folder;
  const auto pipe = folder.path() / "pipe", file = folder.write("a.json", ""), link = folder.path() / "link";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(refusal(pipe).find("nobody reads") != std::string::npos);
  std::filesystem::create_symlink(file, link);
  const auto opened = ReportFile::open(file, k_json_beginning, "--json");
  REQUIRE(opened.ok());
  CHECK(opened->is_also(link));
  CHECK_FALSE(opened->is_also(pipe));
  CHECK_FALSE((*ReportFile::open("/dev/null", k_json_beginning, "--json")).is_also("/dev/null"));
}

TEST_CASE("a report that is cut short is an error") {
  auto full = ReportFile::open("/dev/full", k_json_beginning, "--json");
  REQUIRE(full.ok());
  const Status cut = full->write("report");
  REQUIRE_FALSE(cut.ok());
  CHECK(cut.error().message == "cannot write /dev/full (--json): No space left on device");
}
