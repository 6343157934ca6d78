#include "ingest/report_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

constexpr std::string_view k_beginning = "{\n \"table\": ";

std::string content_of(const std::filesystem::path& file) {
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  return content.str();
}

Result<ReportFile> open(const std::filesystem::path& file) {
  return ReportFile::open(file, k_beginning, "--json");
}

std::string refusal(const std::filesystem::path& file) {
  const auto opened = open(file);
  return opened.ok() ? "" : opened.error().message;
}

}  // namespace

TEST_CASE("a report replaces an earlier report and no other file of its kind") {
  const TemporaryFolder folder;
  const auto own = folder.write("own.json", std::string(k_beginning) + "\"houses\"}");
  auto file = open(own);
  REQUIRE(file.ok());
  CHECK(file->write("new").ok());
  CHECK(content_of(own) == "new");
  for (const char* const other : {"{}", "{\"table\": []}", "{\n \"name\": \"x\"\n}"}) {
    const auto kept = folder.write("other.json", other);
    CHECK(refusal(kept).find("(--json): it holds something else than an earlier report") != std::string::npos);
    CHECK(content_of(kept) == other);
  }
}

TEST_CASE("a report is written as it grows, and only then replaces an earlier one") {
  const TemporaryFolder folder;
  const std::string earlier = std::string(k_beginning) + "\"a long report that was there before\"}";
  const auto own = folder.write("own.json", earlier);
  auto file = open(own);
  REQUIRE(file.ok());
  CHECK(content_of(own) == earlier);
  CHECK(file->append("one ").ok());
  CHECK(content_of(own) == "one ");
  CHECK(file->append("two").ok());
  CHECK(content_of(own) == "one two");
}

TEST_CASE("an earlier report stays if the disk has no room for the new one") {
  const TemporaryFolder folder;
  const std::string earlier = std::string(k_beginning) + "\"before\"}";
  const auto own = folder.write("own.json", earlier), probe = folder.write("probe", "");
  const int descriptor = ::open(probe.c_str(), O_WRONLY);
  const bool can_tell = ::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, 1) == 0;
  ::close(descriptor);
  if (!can_tell) {
    MESSAGE("this file system does not reserve room");
    return;
  }
  auto file = open(own);
  REQUIRE(file.ok());
  CHECK_FALSE(file->write(std::string_view(earlier.data(), std::size_t{1} << 60)).ok());  // no byte of it is read
  CHECK(content_of(own) == earlier);
}

TEST_CASE("one program at a time writes a report") {
  const TemporaryFolder folder;
  const auto name = folder.write("own.json", "");
  {
    const auto first = open(name);
    REQUIRE(first.ok());
    CHECK(refusal(name).find("another program is writing it; give another file") != std::string::npos);
  }
  CHECK(refusal(name).empty());
  CHECK(std::filesystem::exists(name));
  const auto one = open("/dev/null"), other = open("/dev/null");
  CHECK(one.ok());
  CHECK(other.ok());
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
  CHECK((*open(link)).write("new").ok());
  CHECK(content_of(file) == "new");
}

TEST_CASE("a pipe without a reader is refused, and a file is recognized under every name") {
  const TemporaryFolder folder;
  const auto pipe = folder.path() / "pipe", file = folder.write("a.json", ""), link = folder.path() / "link";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(refusal(pipe).find("nobody reads") != std::string::npos);
  std::filesystem::create_symlink(file, link);
  const auto opened = open(file);
  REQUIRE(opened.ok());
  CHECK(opened->is_also(link));
  CHECK_FALSE(opened->is_also(pipe));
  CHECK_FALSE((*open("/dev/null")).is_also("/dev/null"));
}

TEST_CASE("a report that is cut short is an error") {
  auto full = open("/dev/full");
  REQUIRE(full.ok());
  const Status cut = full->write("report");
  REQUIRE_FALSE(cut.ok());
  CHECK(cut.error().message == "the report /dev/full cannot be written (--json): No space left on device");
}

TEST_CASE("a report to standard output that goes to a file follows what is printed, under every name of that file") {
  const TemporaryFolder folder;
  for (const bool by_name : {false, true}) {
    const auto file = folder.write("printed", "");
    const int before = ::dup(STDOUT_FILENO), printed = ::open(file.c_str(), O_WRONLY | O_TRUNC);
    ::dup2(printed, STDOUT_FILENO);
    ::close(printed);
    bool written = ::write(STDOUT_FILENO, "one ", 4) == 4;
    {
      auto report = open(by_name ? file : "/dev/stdout");
      written = written && report.ok() && report->write("two ").ok() && report->append("three ").ok();
      written = written && ::write(STDOUT_FILENO, "four ", 5) == 5 && report->append("five").ok();
    }
    ::dup2(before, STDOUT_FILENO);
    ::close(before);
    CHECK(written);
    CHECK(content_of(file) == "one two three four five");
  }
}
