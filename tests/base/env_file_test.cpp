#include "base/env_file.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

using namespace sightline;

namespace {
struct TemporaryFile {
  explicit TemporaryFile(const char* text) {
    path = std::filesystem::temp_directory_path() / ("sightline-env-" + std::to_string(std::rand()));
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::filesystem::path path;
};
}  // namespace

TEST_CASE("keys, comments, quotes and export are read") {
  const TemporaryFile file("# a comment\n\nA=1\nexport B = two words \nC=\"quoted # not a comment\"\nD='x=y'\n");
  const auto values = read_env_file(file.path);
  REQUIRE(values.ok());
  CHECK(values->at("A") == "1");
  CHECK(values->at("B") == "two words");
  CHECK(values->at("C") == "quoted # not a comment");
  CHECK(values->at("D") == "x=y");
}

TEST_CASE("a line that is no setting is refused with its number, a missing file is empty") {
  const TemporaryFile file("A=1\nnonsense\n");
  CHECK(read_env_file(file.path).error().message.find("line 2") != std::string::npos);
  CHECK(read_env_file("/nonexistent/.env")->empty());
}

TEST_CASE("the environment wins over the file") {
  setenv("SIGHTLINE_TEST_SETTING", "environment", 1);
  CHECK(setting({{"SIGHTLINE_TEST_SETTING", "file"}}, "SIGHTLINE_TEST_SETTING") == "environment");
  unsetenv("SIGHTLINE_TEST_SETTING");
  CHECK(setting({{"SIGHTLINE_TEST_SETTING", "file"}}, "SIGHTLINE_TEST_SETTING") == "file");
  CHECK(setting({}, "SIGHTLINE_TEST_SETTING").empty());
}
