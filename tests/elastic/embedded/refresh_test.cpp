#include "tests/elastic/embedded/store_fixture.h"

namespace sightline::elastic {
namespace {

struct StoppedClock : StoreFixture {
  StoppedClock() {
    time_step = 0;
    CHECK(put("/i").status == 200);
  }
};

TEST_CASE_FIXTURE(StoppedClock, "a write is seen by gets at once and by searches after a refresh") {
  CHECK(put("/i/_doc/1", R"({"a":1})").status == 201);
  CHECK(get("/i/_doc/1").status == 200);
  CHECK(count("i") == "0");
  CHECK(post("/i/_refresh").status == 200);
  CHECK(count("i") == "1");
}

TEST_CASE_FIXTURE(StoppedClock, "a second after a write searches see it without being asked") {
  CHECK(put("/i/_doc/1", R"({"a":1})").status == 201);
  CHECK(count("i") == "0");
  time_step = 1;
  CHECK(count("i") == "1");
}

TEST_CASE_FIXTURE(StoppedClock, "a later write brings along what is due") {
  CHECK(put("/i/_doc/1", R"({"a":1})").status == 201);
  time_step = 2;
  CHECK(put("/i/_doc/2", R"({"a":1})").status == 201);
  time_step = 0;
  CHECK(count("i") == "2");
}

TEST_CASE_FIXTURE(StoppedClock, "refresh=true and refresh=wait_for show the write with its answer") {
  CHECK(put("/i/_doc/1?refresh=true", R"({"a":1})").at("/forced_refresh") == "true");
  CHECK(count("i") == "1");
  CHECK(put("/i/_doc/2?refresh=wait_for", R"({"a":1})").at("/forced_refresh").empty());
  CHECK(count("i") == "2");
}

TEST_CASE_FIXTURE(StoppedClock, "what waits for a refresh can be replaced and deleted") {
  CHECK(put("/i/_doc/1", R"({"a":1})").status == 201);
  CHECK(put("/i/_doc/2", R"({"a":1})").status == 201);
  CHECK(put("/i/_doc/1", R"({"a":2})").status == 200);
  CHECK(remove("/i/_doc/2").status == 200);
  CHECK(post("/i/_refresh").status == 200);
  CHECK(count("i") == "1");
  CHECK(get("/i/_search").at("/hits/hits/0/_source/a") == "2");
}

TEST_CASE_FIXTURE(StoppedClock, "what waited for a refresh is there after the store is opened again") {
  CHECK(put("/i/_doc/1", R"({"a":1})").status == 201);
  reopen();
  CHECK(count("i") == "1");
}

}  // namespace
}  // namespace sightline::elastic
