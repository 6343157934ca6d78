#include "base/env_file.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "tests/base/temporary_folder.h"

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

TEST_CASE("a byte order mark, a last line without a line feed and start-local's port are read") {
  const TemporaryFile file(
      "\xEF\xBB\xBF"
      "ES_LOCAL_PORT=9201\nES_LOCAL_URL=http://localhost:${ES_LOCAL_PORT}\r\nKEY=abc==");
  const auto values = read_env_file(file.path);
  REQUIRE(values.ok());
  CHECK(values->at("ES_LOCAL_PORT") == "9201");
  CHECK(values->at("ES_LOCAL_URL") == "http://localhost:9201");
  CHECK(values->at("KEY") == "abc==");
}

TEST_CASE("the port is filled in everywhere, wherever the file has it, and stays open without one") {
  const TemporaryFile file(
      "A=${ES_LOCAL_PORT}-'${ES_LOCAL_PORT}'\nES_LOCAL_PORT=1\nES_LOCAL_PORT=9201\nB=\"${ES_LOCAL_PORT}${OTHER}\"");
  auto values = read_env_file(file.path);
  REQUIRE(values.ok());
  CHECK(values->at("A") == "9201-'9201'");
  CHECK(values->at("B") == "9201${OTHER}");
  setenv("ES_LOCAL_PORT", "7", 1);
  CHECK(read_env_file(file.path)->at("B") == "7${OTHER}");
  unsetenv("ES_LOCAL_PORT");
  const TemporaryFile without("A=x${ES_LOCAL_PORT}");
  CHECK(read_env_file(without.path)->at("A") == "x${ES_LOCAL_PORT}");
}

TEST_CASE("a line that is no setting is refused with its number") {
  const TemporaryFile file("A=1\nnonsense\n");
  CHECK(read_env_file(file.path).error().message.find("line 2") != std::string::npos);
}

TEST_CASE("a file that cannot be read is refused by name; the default one may be missing") {
  const std::filesystem::path before = std::filesystem::current_path();
  const TemporaryFolder folder;
  std::filesystem::current_path(folder.path());
  CHECK(read_env_file(k_default_env_file)->empty());
  std::filesystem::create_directory(k_default_env_file);
  CHECK(read_env_file(k_default_env_file).error().message.find("it is a folder") != std::string::npos);
  std::filesystem::current_path(before);
  CHECK(read_env_file("/nonexistent/.env").error().message.find("/nonexistent/.env (--env-file)") != std::string::npos);
}

TEST_CASE("the environment wins over the file") {
  setenv("SIGHTLINE_TEST_SETTING", "environment", 1);
  CHECK(setting({{"SIGHTLINE_TEST_SETTING", "file"}}, "SIGHTLINE_TEST_SETTING") == "environment");
  unsetenv("SIGHTLINE_TEST_SETTING");
  CHECK(setting({{"SIGHTLINE_TEST_SETTING", "file"}}, "SIGHTLINE_TEST_SETTING") == "file");
  CHECK(setting({}, "SIGHTLINE_TEST_SETTING").empty());
}
