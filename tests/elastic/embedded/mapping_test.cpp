#include "server/elastic/embedded/mapping.h"

#include <doctest/doctest.h>

#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/failures.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

std::string properties(const std::string& inner) {
  return "{\"properties\":{" + inner + "}}";
}

std::string refusal(const std::string& field) {
  const auto mapping = Mapping::parse_text(properties("\"f\":" + field));
  return mapping ? "accepted" : mapping.error().reason;
}

std::string shown(const std::string& field) {
  const auto mapping = Mapping::parse_text(properties("\"f\":" + field));
  return mapping ? mapping->to_json() : mapping.error().reason;
}

TEST_CASE("a dense_vector gets the defaults of Elasticsearch 9.2, by its dimensions") {
  CHECK(
      shown(R"({"type":"dense_vector","dims":4,"index":"true"})") ==
      properties(
          R"("f":{"type":"dense_vector","dims":4,"index":true,"similarity":"cosine","index_options":{"type":"int8_hnsw","m":16,"ef_construction":100}})"));
  CHECK(
      shown(R"({"type":"dense_vector","dims":512})") ==
      properties(
          R"("f":{"type":"dense_vector","dims":512,"index":true,"similarity":"cosine","index_options":{"type":"bbq_hnsw","m":16,"ef_construction":100,"rescore_vector":{"oversample":3.0}}})"));
  CHECK(shown(R"({"type":"dense_vector","dims":4,"index":false})") ==
        properties(R"("f":{"type":"dense_vector","dims":4,"index":false})"));
  CHECK(shown(R"({"type":"dense_vector"})") ==
        properties(R"("f":{"type":"dense_vector","index":true,"similarity":"cosine"})"));
  CHECK(
      shown(R"({"type":"dense_vector","dims":4,"index_options":{"type":"flat"}})") ==
      properties(
          R"("f":{"type":"dense_vector","dims":4,"index":true,"similarity":"cosine","index_options":{"type":"flat"}})"));
}

TEST_CASE("mistakes in a mapping are refused, and what is wrong is named") {
  const auto says = [](const std::string& field, const std::string& part) {
    CAPTURE(field);
    const std::string reason = refusal(field);
    CHECK_MESSAGE(reason.find(part) != std::string::npos, reason);
  };
  says(R"({"type":"dense_vector","dims":5000})", "in the range [1, 4096] but was [5000]");
  says(R"({"type":"dense_vector","dims":"four"})", "[dims] an integer was expected");
  says(R"({"type":"dense_vector","dims":4,"index":"maybe"})", "Failed to parse value [maybe]");
  says(R"({"type":"dense_vector","dims":4,"similarity":"cosinus"})", "Unknown value [cosinus] for field [similarity]");
  says(R"({"type":"dense_vector","dims":4,"index":false,"similarity":"cosine"})", "when it is indexed");
  says(R"({"type":"dense_vector","dims":4,"index_options":{"type":"flat","m":3}})", "unsupported parameters: [m]");
  says(R"({"type":"dense_vector","dims":5,"index_options":{"type":"int4_hnsw"}})", "only supports even dimensions");
  says(R"({"type":"dense_vector","dims":63,"index_options":{"type":"bbq_flat"}})", "fewer than 64; provided=63");
  says(R"({"type":"long","meta":{"a":{"b":"c"}}})", R"([meta] values can only be strings, but got [{"b":"c"}] as [a])");
  says(R"({"type":"text","fields":{"k":{"type":"keyword","meta":{"a":1}}}})", "for field [f.k]");
  says(R"({"type":"text","foo":1})", "[text] unknown field [foo]");
  says(R"({"type":"text","analyzer":"nope"})", "[analyzer] must be [standard]");
  says(R"({"type":"keyword","ignore_above":-1})", "[ignore_above] must be positive, got [-1]");
  says("{}", "No type specified for field [f]");
  says(R"({"type":"text","fields":{"k":{"type":"object"}}})", "Type [object] cannot be used in multi field");
  for (const std::string type : {"geo_point", "nested", "ip", "geopoint"}) {
    says(R"({"properties":{"g":{"type":")" + type + "\"}}}",
         "The mapper type [" + type + "] declared on field [f.g] does not exist, or is not supported");
  }
  const auto root = Mapping::parse_text(R"({"foo":{}})");
  REQUIRE_FALSE(root.ok());
  CHECK(root.error().type == "mapper_parsing_exception");
  CHECK(root.error().reason.starts_with("Failed to parse mapping: "));
}

TEST_CASE("a mapping that an earlier version stored is read, though it would be refused now") {
  for (const std::string field : {R"("f":{"type":"dense_vector","dims":3,"index":true,"similarity":"cosine",)"
                                  R"("index_options":{"type":"bbq_flat","rescore_vector":{"oversample":3.0}}})",
                                  R"("f":{"type":"long","meta":{"a":{"b":1}}})"}) {
    const std::string text = properties(field);
    CHECK_FALSE(Mapping::parse_text(text).ok());
    const auto tape = accepted(rest::JsonTape::parse(text));
    CHECK(Mapping::read_stored(JsonView(tape, 0)).to_json() == text);
  }
}

TEST_CASE("objects that a mapping defines twice are merged, and nothing is an object and a field") {
  const auto result = [](const std::string& inner) {
    const auto mapping = Mapping::parse_text(properties(inner));
    return mapping ? mapping->to_json() : mapping.error().reason;
  };
  const std::string no_object =
      "Failed to parse mapping: mapper [a] cannot be changed from type [text] to [ObjectMapper]";
  CHECK(result(R"("a.b":{"type":"keyword"},"a":{"type":"text"})") == no_object);
  CHECK(result(R"("a":{"type":"text"},"a.b":{"type":"keyword"})") == no_object);
  CHECK(result(R"("a.b":{"type":"text"},"a":{"properties":{"b":{"type":"object"}}})").find("[a.b] cannot be changed") !=
        std::string::npos);
  CHECK(result(R"("a.b.c":{"type":"long"},"a.b":{"dynamic":"strict","properties":{"d":{"type":"long"}}})") ==
        properties(
            R"("a":{"properties":{"b":{"dynamic":"strict","properties":{"c":{"type":"long"},"d":{"type":"long"}}}}})"));
}

TEST_CASE("names of data about documents, and blank ones, are refused in a mapping") {
  const auto refused = [](const std::string& properties) {
    const auto mapping = Mapping::parse_text(R"({"properties":)" + properties + "}");
    REQUIRE(mapping.ok());
    const auto merged = answer_of([&] { return Mapping().merged_with(*mapping); });
    return merged ? std::string() : merged.error().reason;
  };
  CHECK(refused(R"({"_id":{"type":"keyword"}})") ==
        "Field [_id] is a metadata field and cannot be defined in a mapping");
  CHECK(refused(R"({" ":{"type":"keyword"}})") == "a field name cannot be blank");
  CHECK(refused(R"({"a":{"type":"keyword","fields":{"  ":{"type":"text"}}}})") == "a field name cannot be blank");
  CHECK(refused(R"({"o":{"properties":{"_id":{"type":"keyword"}}}})").empty());
}

TEST_CASE("parameters that would change answers are refused rather than passed over") {
  CHECK(refusal(R"({"type":"keyword","copy_to":"g"})") != "accepted");
  CHECK(refusal(R"({"type":"keyword","normalizer":"lowercase"})") != "accepted");
  CHECK(refusal(R"({"type":"text","similarity":"boolean"})") != "accepted");
  CHECK(refusal(R"({"type":"text","norms":false})") != "accepted");
  CHECK(refusal(R"({"type":"date","format":"dd/MM/yyyy"})") != "accepted");
  CHECK(refusal(R"({"type":"long","null_value":1})") != "accepted");
  CHECK(refusal(R"({"type":"dense_vector","dims":8,"element_type":"byte"})") != "accepted");
  CHECK(refusal(R"({"type":"nested"})") != "accepted");
  CHECK_FALSE(Mapping::parse_text(R"({"_source":{"enabled":false}})").ok());
  CHECK_FALSE(Mapping::parse_text(R"({"dynamic":"runtime"})").ok());
}

TEST_CASE("fields are found by path, by wildcard, and through objects and multi-fields") {
  const auto mapping = Mapping::parse_text(properties(
      R"("name":{"type":"text","fields":{"keyword":{"type":"keyword"}}},"o":{"properties":{"x":{"type":"long"}}},"a.b":{"type":"date"})"));
  REQUIRE(mapping.ok());
  REQUIRE(mapping->find("name.keyword") != nullptr);
  CHECK(mapping->find("name.keyword")->multi_field);
  CHECK(mapping->find("o.x")->type == FieldType::long_);
  CHECK(mapping->find("a.b")->type == FieldType::date);
  CHECK(mapping->find("o") == nullptr);
  REQUIRE(mapping->node("o") != nullptr);
  CHECK(mapping->node("o")->field == nullptr);
  CHECK(mapping->expand("*a*").size() == 3);
  CHECK(mapping->expand("name").size() == 1);
  CHECK(mapping->expand("none").empty());
  CHECK(
      mapping->to_json() ==
      properties(
          R"("a":{"properties":{"b":{"type":"date"}}},"name":{"type":"text","fields":{"keyword":{"type":"keyword"}}},"o":{"properties":{"x":{"type":"long"}}})"));
}

TEST_CASE("a mapping reads back what it shows") {
  const std::string text =
      R"({"dynamic":"strict","_meta":{"a":1},"properties":{"k":{"type":"keyword","ignore_above":5},"o":{"dynamic":"false","properties":{"v":{"type":"dense_vector","dims":2,"index":true,"similarity":"l2_norm","index_options":{"type":"hnsw","m":8,"ef_construction":50}}}},"off":{"type":"object","enabled":false}}})";
  const auto mapping = Mapping::parse_text(text);
  REQUIRE(mapping.ok());
  const auto again = Mapping::parse_text(mapping->to_json());
  REQUIRE(again.ok());
  CHECK(again->to_json() == mapping->to_json());
  CHECK(again->root().dynamic == Dynamic::strict);
}

TEST_CASE("an update adds fields and refuses what cannot change") {
  const auto merged = [](const std::string& before, const std::string& now) {
    const auto old = Mapping::parse_text(properties(before)), other = Mapping::parse_text(properties(now));
    REQUIRE(old.ok());
    REQUIRE(other.ok());
    const auto result = answer_of([&] { return old->merged_with(*other).to_json(); });
    return result ? *result : result.error().reason;
  };
  CHECK(merged(R"("a":{"type":"text"})", R"("b":{"type":"long"})") ==
        properties(R"("a":{"type":"text"},"b":{"type":"long"})"));
  CHECK(merged(R"("a":{"type":"text"})", R"("a":{"type":"long"})") ==
        "mapper [a] cannot be changed from type [text] to [long]");
  CHECK(merged(R"("v":{"type":"dense_vector","dims":4})", R"("v":{"type":"dense_vector","dims":5})") ==
        "Mapper for [v] conflicts with existing mapper: cannot update parameter [dims]");
  CHECK(merged(R"("v":{"type":"dense_vector","dims":4})",
               R"("v":{"type":"dense_vector","dims":4,"similarity":"l2_norm"})") ==
        "Mapper for [v] conflicts with existing mapper: cannot update parameter [similarity]");
  CHECK(merged(R"("a":{"type":"text","fields":{"k":{"type":"keyword"}}})",
               R"("a":{"type":"text","fields":{"n":{"type":"long"}}})") ==
        properties(R"("a":{"type":"text","fields":{"k":{"type":"keyword"},"n":{"type":"long"}}})"));
}

TEST_CASE("dates are read to the millisecond, and rounded up when asked") {
  CHECK(parse_date("2026-03-01") == 1772323200000);
  CHECK(parse_date("2026-03-01T10:20:30.5Z") == 1772360430500);
  CHECK(parse_date("2026-03-01T10:20:30+02:00") == 1772353230000);
  CHECK(parse_date("1700000000000") == 1700000000000);
  CHECK(parse_date("2026-03", {}, true) == 1772409599999);
  CHECK(parse_date("2026-03-01", {}, true) == 1772409599999);
  CHECK(parse_date("2024-02-29") == 1709164800000);
  CHECK_FALSE(parse_date("2023-02-29").has_value());
  CHECK_FALSE(parse_date("2026-13-01").has_value());
  CHECK_FALSE(parse_date("2026-1-1").has_value());
  CHECK_FALSE(parse_date("x").has_value());
  CHECK(parse_date("2026/03/01", k_slash_date_format) == 1772323200000);
  CHECK(parse_date("2026/03/01 10:20:30", k_slash_date_format) == 1772360430000);
  CHECK_FALSE(parse_date("2026/03/01 10:20", k_slash_date_format).has_value());
  CHECK(parse_date("1772323200", "strict_date_optional_time||epoch_second") == 1772323200000);
  CHECK(parse_date("1577836800.5", "epoch_second") == 1577836800500);
  CHECK(parse_date("1577836800.1239", "epoch_second", true) == 1577836800123);
  CHECK(parse_date("1", "epoch_second", true) == 1999);
  CHECK(parse_date("-1.5", "epoch_second") == -1500);
  CHECK(parse_date("-0.0005", "epoch_second") == -1);
  CHECK(parse_date("-1.5", "epoch_millis") == -2);
  CHECK(parse_date("-1.0", "epoch_millis") == -1);
  CHECK(parse_date("1.5", "epoch_millis") == 1);
  CHECK_FALSE(parse_date("1.5x", "epoch_second").has_value());
  CHECK(format_date(1577836800500, "epoch_second") == "1577836800.5");
  CHECK(format_date(1577836800000, "epoch_second") == "1577836800");
  CHECK(format_date(-1, "epoch_second") == "-0.001");
  CHECK(parse_date("1969-12-31T23:59:59.999Z") == -1);
  CHECK(format_date(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(format_date(1772323200000) == "2026-03-01T00:00:00.000Z");
  CHECK(format_date(1772323200000, "yyyy/MM/dd HH:mm:ss") == "2026/03/01 00:00:00");
  CHECK(format_date(1772323200000, "yyyy/MM/dd") == "2026/03/01");
  CHECK(known_date_format("strict_date_optional_time||epoch_second") == "strict_date_optional_time||epoch_second");
  CHECK_FALSE(known_date_format("yyyy-MM-dd"));
  std::string repeated;
  for (int i = 0; i < 7'000; ++i) repeated += "epoch_second||";
  CHECK(known_date_format(repeated + "yyyy/MM/dd||epoch_second") == "epoch_second||yyyy/MM/dd");
  CHECK_FALSE(known_date_format(repeated));  // the last part is empty
  CHECK_FALSE(known_date_format("foo"));
}

TEST_CASE("a date's format is shown as given, and read without its repeated parts") {
  const auto mapping = Mapping::parse_text(
      R"({"properties":{"d":{"type":"date","format":"epoch_second||epoch_second||strict_date_optional_time"}}})");
  REQUIRE(mapping.ok());
  CHECK(mapping->find("d")->format == "epoch_second||strict_date_optional_time");
  CHECK(mapping->to_json().find("epoch_second||epoch_second||strict") != std::string::npos);
}

}  // namespace
}  // namespace sightline::elastic
