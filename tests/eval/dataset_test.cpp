#include "eval/dataset.h"

#include "tests/eval/tables.h"

using namespace sightline;
using namespace sightline::eval;

TEST_CASE("columns are captions by their name, attributes otherwise, and an empty field is unknown") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  CHECK(data.pictures().size() == 6);
  CHECK(data.caption_columns() == std::vector<std::string>{"caption", "caption_short"});
  REQUIRE(data.attributes().size() == 3);
  CHECK(data.attributes()[1].name == "color");
  CHECK(data.attributes()[1].values == std::vector<std::string>{"red", "blue"});
  CHECK(data.pictures()[5].values[1] == Dataset::k_unknown);
  CHECK(data.pictures()[2].captions[1].empty());
  CHECK(data.pictures()[0].path == folder.path() / "a.jpg");
  CHECK(data.attribute("wall").error().message.find("it has: kind, color, time") != std::string::npos);
}

TEST_CASE("a table that is no list of pictures is refused, naming the line") {
  const TemporaryFolder folder;
  const auto message = [&](const char* table) {
    const auto read = Dataset::read(folder.write("t.csv", table), folder.path());
    REQUIRE_FALSE(read.ok());
    return read.error().message;
  };
  CHECK(message("name,kind\n1.jpg,x\n").find("no column named file") != std::string::npos);
  CHECK(message("file,kind\n").find("no pictures") != std::string::npos);
  CHECK(message("file\n1.jpg\n2.jpg\n1.jpg\n").find("line 4: 1.jpg is already in line 2") != std::string::npos);
  CHECK(message("file\n../1.jpg\n").find("line 2: ../1.jpg is not below") != std::string::npos);
  CHECK(message("file\n/1.jpg\n").find("is not below") != std::string::npos);
  CHECK(message("file,kind\n,house\n").find("line 2: no name") != std::string::npos);
}
