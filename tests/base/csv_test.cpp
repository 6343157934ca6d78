#include "base/csv.h"

#include <doctest/doctest.h>

using namespace sightline;

TEST_CASE("quoted fields keep commas, quotes and line breaks; rows have their line numbers") {
  const auto table = parse_csv(
      "\xEF\xBB\xBF"
      "a,b\r\n\r\n1,\"x, \"\"y\"\"\nz\"\r\n2,\r\n",
      "t.csv");
  REQUIRE(table.ok());
  CHECK(table->names == std::vector<std::string>{"a", "b"});
  REQUIRE(table->rows.size() == 2);
  CHECK(table->rows[0].fields == std::vector<std::string>{"1", "x, \"y\"\nz"});
  CHECK(table->rows[0].line == 3);
  CHECK(table->rows[1].fields == std::vector<std::string>{"2", ""});
  CHECK(table->rows[1].line == 5);
  CHECK(table->column("b") == 1u);
  CHECK_FALSE(table->column("c"));
}

TEST_CASE("a last line without an end counts, as does an empty quoted field") {
  const auto table = parse_csv("a\n\"\"\nx", "t.csv");
  REQUIRE(table.ok());
  REQUIRE(table->rows.size() == 2);
  CHECK(table->rows[0].fields.front().empty());
  CHECK(table->rows[1].fields.front() == "x");
}

TEST_CASE("the separator is found in the first line, outside of quotes") {
  const auto separator = [](std::string_view text) { return detect_separator(text); };
  CHECK(separator("a,b\n1;2;3;4\n") == ',');
  CHECK(separator("a;b;c\n1,5;2;3\n") == ';');
  CHECK(separator("a\tb\n") == '\t');
  CHECK(separator("a|b|c\n") == '|');
  CHECK(separator("\"x;y;z\",b\n") == ',');
  CHECK(separator("\n\na;b\n") == ';');
  CHECK(separator("alone\n1\n") == ',');
  CHECK(separator("") == ',');
  std::string_view marked = "\xEF\xBB\xBFsep=;\r\na;b\r\n1;2\r\n";
  CHECK(detect_separator(marked) == ';');
  const auto table = parse_csv(marked, "t.csv", ';');
  REQUIRE(table.ok());
  CHECK(table->rows[0].line == 3);
}

TEST_CASE("names are trimmed, and empty columns at the end are dropped") {
  const auto table = parse_csv("a; b ;;\n1; x ;;\n;;;\n", "t.csv", ';');
  REQUIRE(table.ok());
  CHECK(table->names == std::vector<std::string>{"a", "b"});
  CHECK(table->rows[0].fields == std::vector<std::string>{"1", " x "});
  CHECK(table->rows[1].fields == std::vector<std::string>{"", ""});
  CHECK(parse_csv("a,\n1,2\n", "t.csv").error().message == "t.csv, line 1: column 2 has no name");
}

TEST_CASE("what is no table is refused, naming file and line") {
  const auto message = [](std::string_view text) {
    const auto table = parse_csv(text, "t.csv");
    REQUIRE_FALSE(table.ok());
    return table.error().message;
  };
  CHECK(message("") == "t.csv is empty; its first row must name the columns");
  CHECK(message("a,b\n1,2\n\n1,2,3\n") == "t.csv, line 4: 3 fields, but 2 columns");
  CHECK(message("a,,b\n") == "t.csv, line 1: column 2 has no name");
  CHECK(message("a,b,a\n") == "t.csv, line 1: column a occurs twice");
  CHECK(message("a\n1\n\"2\n") == "t.csv, line 3: the quote opened here is not closed");
  CHECK(message("a\n\xC3") == "t.csv is not UTF-8 text; save it as CSV UTF-8");
  CHECK(message("a\n\xED\xA0\x80\n").find("not UTF-8") != std::string::npos);
  CHECK(read_csv("/absent.csv").error().code == ErrorCode::not_found);
}
