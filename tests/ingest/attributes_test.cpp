#include "ingest/attributes.h"

#include <doctest/doctest.h>

#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

TEST_CASE("numbers and booleans become JSON's, the rest strings, and empty values are left out") {
  const TemporaryFolder folder;
  const auto attributes =
      Attributes::read(folder.write("a.csv",
                                    "file,city,price,garden,zip,note\nk/1.jpg,Lyon,350000,true,007,\"a "
                                    "\"\"red\"\" door,\nwide\"\n2.jpg,,1.5,false,,\n"));
  REQUIRE(attributes.ok());
  CHECK(attributes->size() == 2);
  CHECK(attributes->members_for("k/1.jpg") ==
        R"("city":"Lyon","price":350000,"garden":true,"zip":"007","note":"a \"red\" door,\nwide")");
  CHECK(attributes->members_for("any/folder/2.jpg") == R"("price":1.5,"garden":false)");
  CHECK(attributes->members_for("3.jpg").empty());
}

TEST_CASE("a byte order mark and Windows line ends are no part of the data") {
  const TemporaryFolder folder;
  const auto attributes = Attributes::read(folder.write("a.csv",
                                                        "\xEF\xBB\xBF"
                                                        "file,city\r\n1.jpg,Lyon\r\n"));
  REQUIRE(attributes.ok());
  CHECK(attributes->members_for("1.jpg") == R"("city":"Lyon")");
}

TEST_CASE("NDJSON keeps values as they are") {
  const TemporaryFolder folder;
  const auto attributes = Attributes::read(
      folder.write("a.ndjson", "{\"file\":\"1.jpg\",\"tags\":[\"a\",\"b\"],\"price\":3}\n\n"));
  REQUIRE(attributes.ok());
  CHECK(attributes->members_for("1.jpg") == R"("tags":["a","b"],"price":3)");
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
            .ends_with("line 1: no column named file, which must name the pictures"));
  CHECK(message("c.csv", "file,image_data\n").find("image_data is written by the loader") !=
        std::string::npos);
  CHECK(message("d.csv", "file,a,a\n").find("column a occurs twice") != std::string::npos);
  CHECK(message("e.csv", "file,a\n1.jpg,\"x\n").find("line 2: the quote opened here never ends") !=
        std::string::npos);
  CHECK(message("f.csv", "file,a\n1.jpg,\xFF\n").find("not UTF-8") != std::string::npos);
  CHECK(message("g.csv", "").find("is empty") != std::string::npos);
  CHECK(message("h.ndjson", "{\"file\":\"1.jpg\"}\n{oops\n").find("line 2: not JSON") != std::string::npos);
  CHECK(message("i.ndjson", "{\"name\":\"1.jpg\"}\n").find("string `file`") != std::string::npos);
  CHECK_FALSE(Attributes::read(folder.path() / "absent.csv").ok());
}
