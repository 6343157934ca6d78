#include "ingest/field_types.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace sightline::ingest;

namespace {

FieldSurvey survey_of(const std::vector<std::string>& values) {
  FieldSurvey survey;
  for (std::size_t i = 0; i < values.size(); ++i) survey.add(kind_of_text(values[i]), values[i], i + 2);
  return survey;
}

std::string type_of(const std::vector<std::string>& values) {
  return to_string(survey_of(values).type());
}

}  // namespace

TEST_CASE("one type fits all values of a column") {
  CHECK(type_of({"12", "0", "-7", " 3 "}) == "integer");
  CHECK(type_of({"9223372036854775807", "-9223372036854775808"}) == "integer");
  CHECK(type_of({"12", "6.5"}) == "decimal");
  CHECK(type_of({"6.5", ".5", "-.25", "5."}) == "decimal");
  CHECK(type_of({"1e3", "2"}) == "decimal");
  CHECK(type_of({"0.75", "99999999999999999999"}) == "decimal");
  CHECK(type_of({"true", "FALSE", "True"}) == "boolean");
  CHECK(type_of({"2026-01-31", "2024-02-29T10:00", "2026-01-31T10:00:00.123+02:00", "2026-01-31T10:00:00Z"}) == "date");

  CHECK(type_of({"12", "12a"}) == "text");
  CHECK(type_of({"94110", "01234"}) == "text");
  CHECK(type_of({"1.5", "00.5"}) == "text");
  CHECK(type_of({"1", "99999999999999999999"}) == "text");
  CHECK(type_of({"true", "1"}) == "text");
  CHECK(type_of({"true", "maybe"}) == "text");
  CHECK(type_of({"2026-01-31", "2026"}) == "text");
  CHECK(type_of({"2026-02-30"}) == "text");
  CHECK(type_of({"2026-01-31T25:00"}) == "text");
  CHECK(type_of({"1,5", "2"}) == "text");
  CHECK(type_of({"+33", "1"}) == "text");
  CHECK(type_of({"NaN", "1.5"}) == "text");
  CHECK(type_of({"1e999", "1.5"}) == "text");
  CHECK(type_of({"0x10"}) == "text");
  CHECK(survey_of({}).empty());
}

TEST_CASE("the value that made a column text is known") {
  CHECK(survey_of({"12", "7", "12a", "b"}).reason_for_text()->line == 4);
  CHECK(survey_of({"94110", "01234"}).reason_for_text()->value == "01234");
  CHECK(survey_of({"1", "99999999999999999999"}).reason_for_text()->line == 3);
  CHECK(survey_of({"true", "5"}).reason_for_text()->value == "5");
  CHECK_FALSE(survey_of({"Lyon", "Paris"}).reason_for_text());
  CHECK_FALSE(survey_of({"12", "7"}).reason_for_text());
}

TEST_CASE("values become JSON of their column's type with all their digits") {
  CHECK(json_of("250000", FieldType::decimal) == "250000.0");
  CHECK(json_of("0.12345678901234567890", FieldType::decimal) == "0.12345678901234567890");
  CHECK(json_of(".5", FieldType::decimal) == "0.5");
  CHECK(json_of("-.5", FieldType::decimal) == "-0.5");
  CHECK(json_of("5.", FieldType::decimal) == "5.0");
  CHECK(json_of("1E5", FieldType::decimal) == "1E5");
  CHECK(json_of(" 12 ", FieldType::integer) == "12");
  CHECK(json_of("007", FieldType::integer) == "7");
  CHECK(json_of("-000", FieldType::integer) == "-0");
  CHECK(json_of("TRUE", FieldType::boolean) == "true");
  CHECK(json_of("no", FieldType::boolean) == "false");
  CHECK(json_of(" a\"b ", FieldType::text) == "\" a\\\"b \"");
  CHECK(json_of(" 2026-01-31", FieldType::date) == "\"2026-01-31\"");
  CHECK_FALSE(json_of("12a", FieldType::integer));
  CHECK_FALSE(json_of("12.0", FieldType::integer));
  CHECK_FALSE(json_of("9223372036854775808", FieldType::integer));
  CHECK_FALSE(json_of("1e999", FieldType::decimal));
  CHECK_FALSE(json_of("1,5", FieldType::decimal));
  CHECK_FALSE(json_of("maybe", FieldType::boolean));
  CHECK_FALSE(json_of("soon", FieldType::date));
}

TEST_CASE("the smallest and the largest whole number are kept") {
  const FieldSurvey survey = survey_of({"5", "-3", "70", "6.5"});
  CHECK(survey.smallest().value == "-3");
  CHECK(survey.largest().value == "70");
}

TEST_CASE("types have names") {
  for (const FieldType type :
       {FieldType::text, FieldType::integer, FieldType::decimal, FieldType::boolean, FieldType::date})
    CHECK(field_type_named(to_string(type)) == type);
  CHECK_FALSE(field_type_named("number"));
}

TEST_CASE("whole numbers are compared as numbers, however they are written") {
  const FieldSurvey survey = survey_of({" 9 ", "10.", "-2"});
  CHECK(survey.type() == FieldType::integer);
  CHECK(survey.largest().value == "10.");
  CHECK(survey.smallest().value == "-2");
  CHECK(json_of("10.", FieldType::integer) == "10");
}
