#include "ingest/load_plan.h"

#include <doctest/doctest.h>

#include "tests/base/temporary_folder.h"
#include "tests/ingest/found.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

struct Plan {
  std::vector<LoadItem> items;
  std::vector<Failure> refusals;
  std::vector<Note> notes;
};

Plan plan_of(const std::vector<PictureFile>& pictures, const Attributes* attributes, const PlanOptions& options) {
  Found found;
  const auto made = plan_load(pictures, attributes, options, found);
  REQUIRE(made.ok());
  Plan plan{{}, std::move(found.failures), std::move(found.notes)};
  for (std::size_t i = 0; i < made->size(); ++i) plan.items.push_back(made->item(i));
  return plan;
}

struct Houses {
  Houses() {
    options.file_columns = reading.file_columns = {"front", "kitchen"};
    for (const char* name : {"1f.jpg", "1k.jpg", "2k.jpg", "other.jpg"})
      pictures.push_back(picture_file("photos", name));
  }
  /// The documents of the plan, and what is found on the way.
  Plan plan(const std::string& table = "house,front,kitchen\nA,1f.jpg,1k.jpg\nB,2f.jpg,2k.jpg\nC,3f.jpg,\n") {
    const TemporaryFolder folder;
    reading.keep_file_columns = options.one_per_row;
    reading.id_column = options.id_column;
    auto read = Attributes::read(folder.write("a.csv", table), reading);
    REQUIRE(read.ok());
    return plan_of(pictures, &*read, options);
  }

  std::vector<PictureFile> pictures;
  PlanOptions options;
  Attributes::Options reading;
};

}  // namespace

TEST_CASE("one document per picture has its row's attributes and says which column named it") {
  const Plan plan = Houses().plan();
  REQUIRE(plan.items.size() == 4);
  CHECK(plan.items[0].name == "1f.jpg");
  CHECK(plan.items[0].attributes == R"("house":"A","image_column":"front")");
  CHECK(plan.items[1].attributes == R"("house":"A","image_column":"kitchen")");
  CHECK(plan.items[2].attributes == R"("house":"B","image_column":"kitchen")");
  CHECK(plan.items[3].attributes.empty());
  CHECK(plan.items[0].pictures.size() == 1);
  CHECK(plan.items[0].pictures[0].data_field == "image_data");
  CHECK(plan.refusals.empty());
}

TEST_CASE("one document per row has the row's pictures, each in its field") {
  Houses houses;
  houses.options.one_per_row = true;
  const Plan plan = houses.plan();
  REQUIRE(plan.items.size() == 2);
  CHECK(plan.items[0].name == "1f.jpg");
  CHECK(plan.items[0].attributes == R"("house":"A","front":"1f.jpg","kitchen":"1k.jpg")");
  REQUIRE(plan.items[0].pictures.size() == 2);
  CHECK(plan.items[0].pictures[0].data_field == "image_data");
  CHECK(plan.items[0].pictures[1].data_field == "kitchen_data");
  CHECK(plan.items[0].pictures[1].file.name() == "1k.jpg");
  // The first column's picture is missing: the next one stands in, and the row is named.
  CHECK(plan.items[1].name == "2k.jpg");
  CHECK(plan.items[1].pictures[0].data_field == "image_data");
  REQUIRE(plan.refusals.size() == 1);
  CHECK(plan.refusals[0].name == "line 4");
  std::vector<std::string> noted;
  for (const Note& note : plan.notes) noted.push_back(note.name);
  CHECK(noted == std::vector<std::string>{"2f.jpg", "3f.jpg", "other.jpg", "2k.jpg"});
}

TEST_CASE("ids come from paths or from a column, and one that cannot be is refused by name") {
  Houses houses;
  houses.options.id = PlanOptions::Id::path;
  CHECK(houses.plan().items[0].id == "1f.jpg");
  houses.options.one_per_row = true;
  houses.options.id = PlanOptions::Id::column;
  houses.options.id_column = "house";
  Plan plan = houses.plan();
  CHECK(plan.items[0].id == "A");
  plan = houses.plan("house,front,kitchen\nA,1f.jpg,\nA,1k.jpg,\n,2k.jpg,\n" + std::string(513, 'x') + ",other.jpg,\n" +
                     std::string(512, 'y') + ",1f.jpg,\n");
  REQUIRE(plan.items.size() == 2);
  CHECK(plan.items[1].id.size() == 512);
  REQUIRE(plan.refusals.size() == 3);
  CHECK(plan.refusals[0].name == "1k.jpg");
  CHECK(plan.refusals[0].reason ==
        "photos/1k.jpg has the same _id, A, as photos/1f.jpg; the column house must differ for each document");
  CHECK(plan.refusals[1].reason == "it has no _id: column house of line 4 is empty");
  CHECK(plan.refusals[2].reason == "its _id would have 513 bytes; Elasticsearch takes 512 (--id)");
}

TEST_CASE("two folders with the same path below them cannot share an id") {
  PlanOptions options;
  options.id = PlanOptions::Id::path;
  const std::vector<PictureFile> pictures{picture_file("x", "a.jpg"), picture_file("y", "a.jpg")};
  const Plan plan = plan_of(pictures, nullptr, options);
  CHECK(plan.items.size() == 1);
  REQUIRE(plan.refusals.size() == 1);
  CHECK(plan.refusals[0].reason ==
        "y/a.jpg has the same _id, a.jpg, as x/a.jpg; give the folder above both instead of two folders");
  CHECK(plan_of(pictures, nullptr, {}).items.size() == 2);
}

TEST_CASE("of a list's pictures only whole rows are loaded, and rows of other pictures are not mentioned") {
  Houses houses;
  houses.options.one_per_row = true;
  houses.options.is_from_list = true;
  houses.pictures.insert(houses.pictures.begin() + 2, picture_file("photos", "2f.jpg"));
  houses.options.listed = {true, true, false, true, true};
  const Plan plan = houses.plan("house,front,kitchen\nA,1f.jpg,1k.jpg\nB,2f.jpg,2k.jpg\nC,3f.jpg,\nD,2f.jpg,\n");
  REQUIRE(plan.items.size() == 1);
  CHECK(plan.items[0].name == "1f.jpg");
  REQUIRE(plan.refusals.size() == 1);
  CHECK(plan.refusals[0].name == "2k.jpg");
  CHECK(plan.refusals[0].reason ==
        "line 3 is not loaded: it also names 2f.jpg, which is not in the list; list all pictures of a row");
  REQUIRE(plan.notes.size() == 1);
  CHECK(plan.notes[0].name == "other.jpg");
  houses.options.one_per_row = false;
  CHECK(houses.plan().notes.size() == 1);
}

TEST_CASE("of a list, a row is loaded without the pictures that the folder lacks, as without a list") {
  Houses houses;
  houses.options.one_per_row = houses.options.is_from_list = true;
  houses.options.listed = {true, true, true, false};
  const Plan plan = houses.plan();
  CHECK(plan.items.size() == 2);
  CHECK(plan.refusals.empty());
  REQUIRE(plan.notes.size() == 1);
  CHECK(plan.notes[0].reason == "line 3 is loaded without the pictures that are not in the folder");
}

TEST_CASE("a listed picture has the row and the _id that it has in the whole folder") {
  Houses houses;
  houses.options.is_from_list = true;
  houses.options.file_columns = houses.reading.file_columns = {"file"};
  houses.options.id = PlanOptions::Id::column;
  houses.options.id_column = "house";
  const auto plan_with = [&](const std::vector<std::string>& names, const std::string& table) {
    houses.pictures.clear();
    for (const std::string& name : names) houses.pictures.push_back(picture_file("photos", name));
    return houses.plan("house,file\n" + table);
  };
  SUBCASE("a row whose own file is not listed does not go to another of that name") {
    houses.options.listed = {false, true};
    const Plan plan = plan_with({"a.jpg", "sub/a.jpg"}, "A,a.jpg\n");
    CHECK(plan.items.empty());
    REQUIRE(plan.refusals.size() == 1);
    CHECK(plan.refusals[0].name == "sub/a.jpg");
    CHECK(plan.refusals[0].reason == "it has no _id: no row of the attributes names this file");
  }
  SUBCASE("nor to one that differs in capital letters, which is ambiguous with a third") {
    houses.options.listed = {true, false};
    const Plan plan = plan_with({"IMG_1.jpg", "img_1.jpg"}, "A,Img_1.jpg\n");
    CHECK(plan.items.empty());
    CHECK(plan.refusals.size() == 1);
  }
  SUBCASE("the _id of an unlisted picture is not taken") {
    houses.options.listed = {false, true};
    const Plan plan = plan_with({"s/a.jpg", "t/a.jpg"}, "A,a.jpg\n");
    CHECK(plan.items.empty());
    REQUIRE(plan.refusals.size() == 1);
    CHECK(plan.refusals[0].reason.find("has the same _id, A, as photos/s/a.jpg") != std::string::npos);
  }
  SUBCASE("a row that means it alone") {
    houses.options.listed = {false, true};
    const Plan plan = plan_with({"b.jpg", "sub/a.jpg"}, "A,a.jpg\nB,b.jpg\n");
    REQUIRE(plan.items.size() == 1);
    CHECK(plan.items[0].id == "A");
    CHECK(plan.notes.empty());
  }
}
