#include "ingest/attributes.h"

#include <doctest/doctest.h>

#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

Attributes attributes_of(const std::string& name, const std::string& text, const Attributes::Options& options = {}) {
  const TemporaryFolder folder;
  auto read = Attributes::read(folder.write(name, text), options);
  if (!read.ok()) FAIL(read.error().message);
  return std::move(*read);
}

std::vector<std::string> members_of_rows(const Attributes& attributes) {
  std::vector<std::string> members;
  for (const Attributes::Row& row : attributes.rows()) members.push_back(row.members);
  return members;
}

std::vector<std::string> types_of(const Attributes& attributes) {
  std::vector<std::string> types;
  for (const Attributes::Field& field : attributes.fields()) types.push_back(field.name + "=" + to_string(field.type));
  return types;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("columns of numbers and booleans become JSON's, the rest strings, and empty values are left out") {
  const Attributes attributes = attributes_of("a.csv",
                                              "file,city,price,garden,zip,note\nk/1.jpg,Lyon,350000,true,007,\"a "
                                              "\"\"red\"\" door,\nwide\"\n2.jpg,,1.5,FALSE, ,\n");
  CHECK(members_of_rows(attributes) ==
        Texts{R"("city":"Lyon","price":350000.0,"garden":true,"zip":"007","note":"a \"red\" door,\nwide")",
              R"("price":1.5,"garden":false)"});
  CHECK(types_of(attributes) == Texts{"city=text", "price=decimal", "garden=boolean", "zip=text", "note=text"});
  CHECK(attributes.rows()[0].files == Texts{"k/1.jpg"});
  CHECK(attributes.rows()[1].line == 4);
}

TEST_CASE("a column has one type over the whole table") {
  const Attributes attributes = attributes_of("units.csv",
                                              "file,unit,zip,price,flag,baths,number,when,empty\n"
                                              "1.jpg,12,94110,250000,true,2,1,2026-01-31,\n"
                                              "2.jpg,12a,01234,199999.5,maybe,6.5,2,2026-02-28T12:00:00Z,\n"
                                              "3.jpg,7,N1 9GU,0.75,false,3,-3,2026-03-01,\n");
  CHECK(types_of(attributes) ==
        Texts{"unit=text", "zip=text", "price=decimal", "flag=text", "baths=decimal", "number=integer", "when=date"});
  CHECK(attributes.rows()[0].members ==
        R"("unit":"12","zip":"94110","price":250000.0,"flag":"true","baths":2.0,"number":1,"when":"2026-01-31")");
  CHECK(describe(attributes.fields()[0]) == "unit: text (line 3: \"12a\")");
  CHECK(describe(attributes.fields()[1]) == "zip: text (line 4: \"N1 9GU\")");
  CHECK(describe(attributes.fields()[3]) == "flag: text (line 3: \"maybe\")");
  CHECK(describe(attributes.fields()[2]) == "price: decimal");
}

TEST_CASE("a type that is asked for is taken, and a value that does not fit it is named with its line") {
  Attributes::Options options;
  options.types = {
      {"a", FieldType::text}, {"b", FieldType::decimal}, {"c", FieldType::integer}, {"d", FieldType::boolean}};
  const char* const table = "file,a,b,c,d\n1.jpg,12,3,007,yes\n2.jpg,13,4,8,0\n";
  CHECK(members_of_rows(attributes_of("a.csv", table, options)) ==
        Texts{R"("a":"12","b":3.0,"c":7,"d":true)", R"("a":"13","b":4.0,"c":8,"d":false)"});
  const TemporaryFolder folder;
  options.types = {{"a", FieldType::integer}};
  const auto refused = Attributes::read(folder.write("b.csv", "file,a\n1.jpg,12\n2.jpg,12a\n"), options);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.ends_with(
      "line 3: a is \"12a\", which is not a whole number of 64 bits (--column-type a=integer)"));
  options.types = {{"x", FieldType::integer}};
  const auto unknown = Attributes::read(folder.write("c.csv", "file,a\n1.jpg,12\n"), options);
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().message.ends_with("has no column named x (--column-type); its columns are: file, a"));
}

TEST_CASE("tables of spreadsheets are read: separators, marks, line ends, blanks around names, empty columns") {
  CHECK(members_of_rows(attributes_of("a.csv",
                                      "\xEF\xBB\xBF"
                                      "file,city\r\n1.jpg,Lyon\r\n")) == Texts{R"("city":"Lyon")"});
  CHECK(members_of_rows(attributes_of("b.csv", "file;city;size\r\n1.jpg;Lyon, France;1,5\r\n")) ==
        Texts{R"("city":"Lyon, France","size":"1,5")"});
  CHECK(members_of_rows(attributes_of("c.tsv", "file\tcity\n1.jpg\tLyon\n")) == Texts{R"("city":"Lyon")"});
  CHECK(members_of_rows(attributes_of("d.csv", "sep=;\r\nfile;a,b\r\n1.jpg;x\r\n")) == Texts{R"("a,b":"x")"});
  CHECK(members_of_rows(attributes_of("e.csv", "file, city ,,\n1.jpg,Lyon,,\n,,,\n")) == Texts{R"("city":"Lyon")", ""});
  // Carriage returns alone, also where a comma in a later row would be taken for the separator.
  CHECK(members_of_rows(attributes_of("g.csv", "file;city\r1.jpg;Lyon, a, b\r2.jpg;\"a\rb\"\r")) ==
        Texts{R"("city":"Lyon, a, b")", R"("city":"a\rb")"});
  CHECK(attributes_of("h.csv", "file,a\r\r1.jpg,x\r").rows()[0].line == 3);
  Attributes::Options options;
  options.separator = '#';
  CHECK(members_of_rows(attributes_of("f.csv", "file#a;b;c\n1.jpg#x\n", options)) == Texts{R"("a;b;c":"x")"});
}

TEST_CASE("several columns may name pictures, and one may hold ids") {
  Attributes::Options options;
  options.file_columns = {"kitchen", "front"};
  options.id_column = "house";
  const char* const table = "house,front,kitchen,price\n8,f.jpg,k.jpg,1\n9,,k2.jpg,2\n";
  Attributes attributes = attributes_of("a.csv", table, options);
  CHECK(attributes.rows()[0].files == Texts{"k.jpg", "f.jpg"});
  CHECK(attributes.rows()[1].files == Texts{"k2.jpg", ""});
  CHECK(attributes.rows()[1].id == "9");
  CHECK(members_of_rows(attributes) == Texts{R"("house":8,"price":1)", R"("house":9,"price":2)"});
  options.keep_file_columns = true;
  attributes = attributes_of("a.csv", table, options);
  CHECK(attributes.rows()[0].members == R"("house":8,"front":"f.jpg","kitchen":"k.jpg","price":1)");
  options = {};
  options.id_column = "_id";
  attributes = attributes_of("a.csv", "_id,file,a\nx,1.jpg,2\n", options);
  CHECK(attributes.rows()[0].id == "x");
  CHECK(attributes.rows()[0].members == R"("a":2)");
}

TEST_CASE("an id is the value without blanks around it, and null, objects, lists and booleans are none") {
  Attributes::Options options;
  options.id_column = "n";
  const auto ids = [&](const char* name, const char* text) {
    Texts found;
    const Attributes read = attributes_of(name, text, options);
    for (const Attributes::Row& row : read.rows()) found.push_back(row.id);
    return found;
  };
  CHECK(ids("a.csv", "file,n\n1.jpg, x \n2.jpg,\" \"\n") == Texts{"x", ""});
  CHECK(ids("a.ndjson",
            "{\"file\":\"1.jpg\",\"n\":\" x\\t\"}\n{\"file\":\"2.jpg\",\"n\":7}\n"
            "{\"file\":\"3.jpg\",\"n\":null}\n{\"file\":\"4.jpg\"}\n") == Texts{"x", "7", "", ""});
  const TemporaryFolder folder;
  for (const char* const value : {R"({"a":1})", "[1]", "true"}) {
    const auto read = Attributes::read(
        folder.write("a.ndjson", std::string(R"({"file":"1.jpg","n":)").append(value).append("}\n")), options);
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().message.find("key n must be a string or a number: it is the _id (--id)") != std::string::npos);
  }
}

TEST_CASE("NDJSON keeps values as they are written") {
  CHECK(members_of_rows(attributes_of("a.ndjson",
                                      "\xEF\xBB\xBF{\"file\":\"1.jpg\",\"tags\":[\"a\",\"b\"],\"price\":3,\"lot\":0."
                                      "12345678901234567890,\"n\":null}\n\n")) ==
        Texts{R"("tags":["a","b"],"price":3,"lot":0.12345678901234567890,"n":null)"});
}

TEST_CASE("where rows of NDJSON disagree about a field, its values get one type") {
  const Attributes attributes = attributes_of(
      "a.jsonl",
      R"({"file":"1.jpg","unit":12,"price":250000,"ok":true,"in":{"a":1,"b":[1,2.5]},"big":12345678901234567890,"s":"5"})"
      "\n"
      R"({"file":"2.jpg","unit":"12a","price":199999.50,"ok":"maybe","in":{"a":"x","b":3},"big":1,"s":"6"})"
      "\n");
  CHECK(
      members_of_rows(attributes) ==
      Texts{
          R"("unit":"12","price":250000.0,"ok":"true","in":{"a":"1","b":[1.0,2.5]},"big":"12345678901234567890","s":"5")",
          R"("unit":"12a","price":199999.50,"ok":"maybe","in":{"a":"x","b":3.0},"big":"1","s":"6")"});
  CHECK(types_of(attributes) ==
        Texts{"unit=text", "price=decimal", "ok=text", "in.a=text", "in.b=decimal", "big=text", "s=text"});
}

TEST_CASE("types can be asked for in NDJSON, too, and vectors stay as they are") {
  Attributes::Options options;
  options.types = {{"in.a", FieldType::integer}, {"s", FieldType::decimal}, {"n", FieldType::text}};
  CHECK(members_of_rows(attributes_of("a.ndjson", R"({"file":"1.jpg","in":{"a":"12"},"s":"5","n":[1,2]})", options)) ==
        Texts{R"("in":{"a":12},"s":5.0,"n":["1","2"])"});
  std::string vector = "0.5";
  for (int i = 1; i < 128; ++i) vector += ",1";
  const Attributes attributes = attributes_of("b.ndjson", "{\"file\":\"1.jpg\",\"v\":[" + vector + "]}");
  CHECK(attributes.rows()[0].members == "\"v\":[" + vector + "]");
  CHECK(attributes.fields()[0].is_vector);
}

TEST_CASE("a faulty table is refused, naming the line") {
  const TemporaryFolder folder;
  const auto message = [&](const char* name, const char* text) {
    const auto read = Attributes::read(folder.write(name, text));
    REQUIRE_FALSE(read.ok());
    return read.error().message;
  };
  CHECK(message("a.csv", "file,city\n1.jpg\n").ends_with("line 2: 1 fields, but 2 columns"));
  CHECK(message("b.csv", "name,city\n")
            .ends_with("has no column named file (--file-column); its columns are: name, city"));
  CHECK(message("c.csv", "file,image_data\n").find("image_data is written by the loader") != std::string::npos);
  CHECK(message("d.csv", "file,a,a\n").find("column a occurs twice") != std::string::npos);
  CHECK(message("e.csv", "file,a\n1.jpg,\"x\n").find("line 2: the quote opened here is not closed") !=
        std::string::npos);
  CHECK(message("f.csv", "file,a\n1.jpg,\xFF\n").find("not UTF-8") != std::string::npos);
  CHECK(message("g.csv", "").find("is empty") != std::string::npos);
  CHECK(message("k.csv", "file,.a\n").find("column .a is not a field name") != std::string::npos);
  CHECK(message("l.csv", "file,a..b\n").find("column a..b is not a field name") != std::string::npos);
  CHECK(message("m.csv", "file,_id\n").find("column _id is a name that Elasticsearch reserves") != std::string::npos);
  CHECK(message("n.ndjson", "{\"file\":\"1.jpg\",\"a\":1,\"a\":2}\n").find("key a appears twice") != std::string::npos);
  CHECK(message("o.ndjson", "[1]\n").find("line 1: not a JSON object") != std::string::npos);
  CHECK(message("h.ndjson", "{\"file\":\"1.jpg\"}\n{oops\n").find("line 2: not JSON") != std::string::npos);
  CHECK(message("i.ndjson", "{\"name\":\"1.jpg\"}\n").find("string `file`") != std::string::npos);
  CHECK_FALSE(Attributes::read(folder.path() / "absent.csv").ok());
}
