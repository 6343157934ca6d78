#include "ingest/index_fields.h"

#include <doctest/doctest.h>

#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

IndexFields compare(const std::string& mapping, const std::string& table, const std::vector<std::string>& binary = {},
                    const char* name = "a.csv") {
  const TemporaryFolder folder;
  const auto attributes = Attributes::read(folder.write(name, table));
  REQUIRE(attributes.ok());
  return compare_with_mapping(mapping, attributes->fields(), binary);
}

/// What is said of a column of those values in a field of that type; empty: nothing.
std::string misfit(const std::string& type, const std::string& values) {
  const IndexFields fields = compare("{\"properties\":{\"a\":" + type + "}}", "file,a\n" + values);
  CHECK(fields.new_properties.empty());
  return fields.misfits.empty() ? "" : fields.misfits[0].name + ": " + fields.misfits[0].reason;
}

}  // namespace

TEST_CASE("fields that the mapping lacks are added with the type of their column") {
  const char* const table = "file,t,i,d,b,w,old\n1.jpg,x,1,1.5,true,2026-01-31,5\n";
  const std::string text = R"({"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}})";
  CHECK(compare(R"({"properties":{"old":{"type":"long"}}})", table, {"kitchen_data"}).new_properties ==
        "{\"kitchen_data\":{\"type\":\"binary\"},\"t\":" + text +
            R"(,"i":{"type":"long"},"d":{"type":"double"},"b":{"type":"boolean"},"w":{"type":"date"}})");
  CHECK(compare("{}", "file,t\n1.jpg,x\n").new_properties == "{\"t\":" + text + "}");
  CHECK(compare(R"({"properties":{"t":{"type":"keyword"}}})", "file,t\n1.jpg,x\n").new_properties.empty());
}

TEST_CASE("where the mapping decides about new fields itself, nothing is added") {
  const char* const table = "file,t\n1.jpg,x\n";
  CHECK(compare(R"({"dynamic":"false"})", table).new_properties.empty());
  CHECK(compare(R"({"dynamic":"runtime"})", table).new_properties.empty());
  CHECK(compare(R"({"dynamic_templates":[{"s":{"mapping":{"type":"keyword"}}}]})", table).new_properties.empty());
  CHECK_FALSE(compare(R"({"dynamic":"true"})", table).new_properties.empty());
  const IndexFields strict = compare(R"({"dynamic":"strict"})", table);
  CHECK(strict.new_properties.empty());
  REQUIRE(strict.misfits.size() == 1);
  CHECK(strict.misfits[0].reason.find("dynamic: strict") != std::string::npos);
}

TEST_CASE("values that a field does not take are named, with the first of them") {
  CHECK(misfit(R"({"type":"long"})", "1.jpg,12\n2.jpg,12a\n") ==
        "a: the index maps it as long: Elasticsearch will refuse values such as line 3: \"12a\"");
  CHECK(misfit(R"({"type":"long"})", "1.jpg,12\n2.jpg,2.5\n") ==
        "a: the index maps it as long: searches and sums ignore the digits after the decimal point, such as in line "
        "3: \"2.5\"");
  CHECK(misfit(R"({"type":"byte"})", "1.jpg,12\n2.jpg,128\n").find("line 3: \"128\"") != std::string::npos);
  CHECK(misfit(R"({"type":"byte"})", "1.jpg,12\n2.jpg, 300 \n").find("line 3: \" 300 \"") != std::string::npos);
  CHECK(misfit(R"({"type":"short"})", "1.jpg,-40000\n").find("-40000") != std::string::npos);
  CHECK(misfit(R"({"type":"float"})", "1.jpg,12\n2.jpg,x\n").find("line 3: \"x\"") != std::string::npos);
  CHECK(misfit(R"({"type":"boolean"})", "1.jpg,true\n2.jpg,maybe\n").find("maybe") != std::string::npos);
  CHECK(misfit(R"({"type":"date"})", "1.jpg,2026-01-31\n2.jpg,soon\n").find("soon") != std::string::npos);
  CHECK(misfit(R"({"properties":{"b":{"type":"long"}}})", "1.jpg,12\n").find("an object") != std::string::npos);

  CHECK(misfit(R"({"type":"keyword"})", "1.jpg,12\n2.jpg,12a\n").empty());
  CHECK(misfit(R"({"type":"text"})", "1.jpg,true\n2.jpg,5\n").empty());
  CHECK(misfit(R"({"type":"integer"})", "1.jpg,12\n2.jpg,2147483647\n").empty());
  CHECK(misfit(R"({"type":"double"})", "1.jpg,12\n2.jpg,2.5\n").empty());
  CHECK(misfit(R"({"type":"boolean"})", "1.jpg,true\n").empty());
  CHECK(misfit(R"({"type":"date","format":"dd.MM.yyyy"})", "1.jpg,31.01.2026\n").empty());
  CHECK(misfit(R"({"type":"geo_point"})", "1.jpg,\"45.7,4.8\"\n").empty());
}

TEST_CASE("fields within objects are found, and those of a point are its own") {
  const std::string line = R"({"file":"1.jpg","in":{"a":1,"b":2},"where":{"lat":45.5,"lon":4.8}})";
  const IndexFields fields =
      compare(R"({"properties":{"in":{"properties":{"a":{"type":"long"}}},"where":{"type":"geo_point"}}})", line, {},
              "a.ndjson");
  CHECK(fields.new_properties == R"({"in.b":{"type":"long"}})");
  CHECK(fields.misfits.empty());
  std::string vector = "0.5";
  for (int i = 1; i < 128; ++i) vector += ",0.5";
  CHECK(compare("{}", "{\"file\":\"1.jpg\",\"v\":[" + vector + "]}", {}, "a.ndjson").new_properties.empty());
}

TEST_CASE("demo models are named from the mapping's _meta") {
  CHECK(demo_models(R"({"properties":{}})").empty());
  CHECK(demo_models(R"({"_meta":{"sightline":7}})").empty());
  CHECK(demo_models(R"({"_meta":{"sightline":{
      "b":{"model":"jina-clip","demo":true},"a":{"model":"clip","demo":true},"c":{"model":"clip","demo":true},
      "d":{"model":"cohere"},"e":{"model":"large","demo":false}}}})") == std::vector<std::string>{"clip", "jina-clip"});
}

TEST_CASE("a mapping says whether documents come back whole") {
  CHECK(leaves_out_of_source(R"({"_source":{"excludes":["image_embedding"]}})"));
  CHECK(leaves_out_of_source(R"({"_source":{"includes":["a"]}})"));
  CHECK(leaves_out_of_source(R"({"_source":{"enabled":false}})"));
  CHECK_FALSE(leaves_out_of_source(R"({"_source":{},"properties":{}})"));
  CHECK_FALSE(leaves_out_of_source("{}"));
}

TEST_CASE("the fields for vectors are found at every depth") {
  CHECK(vector_fields(R"({"properties":{"v":{"type":"dense_vector"},"t":{"type":"text"},
      "o":{"properties":{"w":{"type":"dense_vector"}}},"a":{"type":"nested","properties":{"x":{"type":"dense_vector"}}}}})") ==
        std::vector<std::string>{"a.x", "o.w", "v"});
  CHECK(vector_fields("{}").empty());
}
