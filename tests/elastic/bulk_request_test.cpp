#include <doctest/doctest.h>

#include "memory_store.h"
#include "server/elastic/rest/bulk_reader.h"

using namespace sightline::elastic;

namespace {

std::string fault(std::string_view body, const std::string& index = "") {
  auto items = parse_bulk(body, index);
  return items ? "none" : items.error().reason;
}

}  // namespace

TEST_CASE("a bulk is read into its actions, sources untouched") {
  auto items = parse_bulk(
      "{\"index\":{\"_index\":\"a\",\"_id\":1,\"routing\":\"r\",\"pipeline\":\"p\"}}\n {\"x\" : 1} \r\n\n"
      "{\"delete\":{\"_id\":\"2\"}}\n{\"index\":{\"op_type\":\"create\"}}\n{broken\n{\"update\":{\"_id\":"
      "\"3\"}}\n{}\n",
      "d");
  REQUIRE(items);
  REQUIRE(items->size() == 4);
  const auto& first = (*items)[0];
  CHECK(first.operation == "index");
  CHECK(first.index == "a");
  CHECK(first.id == "1");
  CHECK(first.routing == "r");
  CHECK(first.pipeline == "p");
  CHECK(first.source_line == " {\"x\" : 1} ");
  CHECK((*items)[1].operation == "delete");
  CHECK((*items)[1].index == "d");
  CHECK((*items)[2].operation == "create");
  CHECK((*items)[2].source_line == "{broken");
  CHECK((*items)[3].operation == "update");
}

TEST_CASE("an action whose pipelines have run is rewritten, the rest is unchanged") {
  auto items =
      parse_bulk("{\"index\":{\"_index\":\"a\",\"pipeline\":\"p\",\"if_seq_no\":3,\"if_primary_term\":1}}\n{}\n", "");
  REQUIRE(items);
  CHECK((*items)[0].action_after_pipelines("b", "9", std::nullopt) ==
        R"({"index":{"_index":"b","_id":"9","pipeline":"_none","if_seq_no":3,"if_primary_term":1}})");
}

TEST_CASE("an unusual way of writing an action says the same as the usual one") {
  for (const char* line : {
           R"({"index":{"_index":"a","_id":"7","routing":"r","pipeline":"p","require_alias":true}})",
           R"( { "index" : { "_index" : "a" , "_id" : 7 , "routing" : "r" , "pipeline":"p" } } )",
           R"({"\u0069ndex":{"_\u0069ndex":"\u0061","_id":"7","routing":"r","pipeline":"p"}})",
           R"({"index":{"_index":"a","_id":"7","routing":"r","pipeline":"p","_source":["x"],"version":null}})",
       }) {
    CAPTURE(line);
    const auto items = parse_bulk(std::string(line) + "\n{}\n", "d");
    REQUIRE(items);
    const auto& item = items->front();
    CHECK(item.operation == "index");
    CHECK(item.index == "a");
    CHECK(item.id == "7");
    CHECK(item.routing == "r");
    CHECK(item.pipeline == "p");
  }
  CHECK(parse_bulk("{\"index\":{\"_id\":\"\u00e9\"}}\n{}\n", "d")->front().id == "\u00e9");
  CHECK(fault("{\"index\":{\"_id\":\"\xff\"}}\n{}\n", "d") != "none");
  CHECK(fault("{\"index\":{\"_id\":01}}\n{}\n", "d") != "none");
  CHECK(fault("{\"index\":{\"_id\":\"1\",\"_id\":\"2\"}}\n{}\n", "d") != "none");
  CHECK(fault("{\"index\":{\"_id\":\"1\"}} x\n{}\n", "d") != "none");
  CHECK(fault("{\"index\":{\"_id\":\"1\",}}\n{}\n", "d") != "none");
  CHECK(parse_bulk("{\"index\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{}\n{\"index\":{}}\n{}\n", "d")->back().index == "d");
}

TEST_CASE("a usual action that is not quite JSON is refused, not guessed") {
  for (const char* line : {R"({"index":{"_index":"a","_id":"1}})", R"({"index":{"_index":"a","_id":"true}})",
                           R"({"index":{"_index":"a","_id":1"}})", R"({"index":{"_index":"a","_id":01}})"}) {
    CAPTURE(line);
    CHECK_FALSE(parse_bulk(std::string(line) + "\n{}\n", "d").ok());
  }
}

TEST_CASE("a body that is no bulk is refused whole, in Elasticsearch's words") {
  CHECK(fault("") == "request body is required");
  CHECK(fault("{\"index\":{\"_index\":\"a\"}}\n{}") == "The bulk request must be terminated by a newline [\\n]");
  CHECK(fault("{\"nothing\":{}}\n{}\n") ==
        "Malformed action/metadata line [1], expected field [create], [delete], [index] or [update] but "
        "found [nothing]");
  CHECK(fault("[1]\n{}\n") == "Malformed action/metadata line [1], expected START_OBJECT but found [START_ARRAY]");
  CHECK(fault("{\"index\":{\"_index\":\"a\"}}\n{}\n{\"index\":{\"_index\":\"a\",\"nosuch\":1}}\n{}\n") ==
        "Action/metadata line [3] contains an unknown parameter [nosuch]");
  CHECK(fault("{\"index\":{\"_index\":[\"a\"]}}\n{}\n") ==
        "Malformed action/metadata line [1], expected a simple value for field [_index] but found "
        "[START_ARRAY]");
  CHECK(fault("{\"index\":{}}\n{}\n") == "Validation Failed: 1: index is missing;");
  CHECK(fault("{\"index\":{\"_index\":\"a\"}}\n") == "Validation Failed: 1: no requests added;");
  CHECK(fault("this is not json\n").find("[1:1]") != std::string::npos);
}

TEST_CASE("a byte order mark may stand before any line") {
  auto items = parse_bulk(
      "\xEF\xBB\xBF{\"index\":{\"_id\":\"1\"}}\n\xEF\xBB\xBF{}\n\xEF\xBB\xBF\n\xEF\xBB\xBF{\"delete\":{\"_id\":\"2\"}}"
      "\n",
      "a");
  REQUIRE(items);
  REQUIRE(items->size() == 2);
  CHECK((*items)[0].id == "1");
  CHECK((*items)[0].action_after_pipelines("a", "1", {}) == R"({"index":{"_index":"a","_id":"1","pipeline":"_none"}})");
  CHECK((*items)[1].operation == "delete");
}

TEST_CASE("an id is as it was written, and not too long") {
  auto items = parse_bulk(
      "{\"index\":{\"_id\":12345678901234567890123}}\n{}\n{\"index\":{\"_id\":1.50,\"version\":1e2}}\n{}\n", "a");
  REQUIRE(items);
  CHECK((*items)[0].id == "12345678901234567890123");
  CHECK((*items)[1].id == "1.50");
  CHECK((*items)[1].action_after_pipelines("a", "1.50", {}) ==
        R"({"index":{"_index":"a","_id":"1.50","pipeline":"_none","version":1e2}})");
  const std::string id(513, 'a');
  // Elasticsearch 9.2.0 answers this to all operations but delete.
  CHECK(fault("{\"index\":{\"_id\":\"" + id + "\"}}\n{}\n", "a") ==
        "Validation Failed: 1: id [" + id + "] is too long, must be no longer than 512 bytes but was: 513;");
  CHECK(fault("{\"delete\":{\"_id\":\"" + id + "\"}}\n", "a") == "none");
}
