#include <cmath>
#include <doctest/doctest.h>
#include <set>

#include "tests/web/projection/fake_elasticsearch.h"

using namespace sightline;
using namespace sightline::web;

namespace {

template <class Value>
Value& value(Read<Value>& read) {
  REQUIRE_MESSAGE(std::holds_alternative<Value>(read),
                  (std::holds_alternative<ReadRefusal>(read) ? std::get<ReadRefusal>(read).message : ""));
  return std::get<Value>(read);
}

struct Reading {
  FakeElasticsearch cluster;
  AskElasticsearch ask = cluster.ask();
  IndexReader reader{ask, {}};

  ReadRefusal refused(const std::string& index, const std::string& field) {
    auto read = reader.find_field(index, field);
    REQUIRE(std::holds_alternative<ReadRefusal>(read));
    return std::get<ReadRefusal>(read);
  }
};

}  // namespace

TEST_CASE("a field without vectors is refused with those that have some") {
  Reading one;
  one.cluster.mappings =
      R"({"properties":{"t":{"type":"text"},"a":{"properties":{"b.c":{"type":"dense_vector"}}},"bits":{"type":"dense_vector","element_type":"bit"},"n":{"type":"nested","properties":{"v":{"type":"dense_vector"}}}}})";
  CHECK(one.refused("pictures", "nope").status == 404);
  CHECK(one.refused("pictures", "nope").message.find("[nope]; fields of type dense_vector there: a.b.c, bits, n.v") !=
        std::string::npos);
  CHECK(one.refused("pictures", "t").message.find("of type text, not dense_vector") != std::string::npos);
  CHECK(one.refused("pictures", "a").message.find("of type object") != std::string::npos);
  CHECK(one.refused("pictures", "bits").code == "vectors_of_bits");
  CHECK(one.refused("pictures", "n.v").code == "nested_field");
  CHECK(one.refused("pictures", "").code == "field_needed");
  CHECK(one.refused("other", "v").message == "the Elasticsearch side answered 404: no such index");
  auto dotted = one.reader.find_field("pictures", "a.b.c");
  CHECK(value(dotted).field == "a.b.c");
  CHECK(value(dotted).name_field.empty());
}

TEST_CASE("answers that are none of Elasticsearch's are said to be so, and faults there are not this server's") {
  Reading one;
  for (const char* body : {"", "[]", "{}", "{\"a\":", "null"}) {
    one.cluster.instead["/pictures"] = {200, {}, "application/json", body};
    CHECK(one.refused("pictures", "v").status == 502);
  }
  one.cluster.instead["/pictures"] = {500, {}, "application/json", "boom"};
  CHECK(one.refused("pictures", "v").status == 502);
  one.cluster.instead["/pictures"] = {403, {}, "application/json", R"({"error":{"reason":"not yours"}})"};
  CHECK(one.refused("pictures", "v").status == 403);
  CHECK(one.refused("pictures", "v").message.find("not yours") != std::string::npos);
  one.cluster.instead["/pictures"] = {200, {}, "application/json", R"({"a":{},"b":{}})"};
  CHECK(one.refused("pictures", "v").code == "several_indices");
}

TEST_CASE("all documents come by id, with unit vectors and names, and the point in time is closed") {
  Reading one;
  one.cluster.add(25'000);
  one.cluster.documents[3].name = "a \"b\" \\ \xF0\x9F\x98\x80 </script>.jpg";
  auto field = one.reader.find_field("pictures", "");
  CHECK(value(field).field == "v");
  CHECK(value(field).index_uuid == "u1");
  auto scan = one.reader.scan(value(field), 30'000);
  REQUIRE(value(scan).documents.size() == 25'000);
  CHECK(one.cluster.requests.back().method == http::Method::delete_);
  CHECK(one.cluster.requests.back().path == "/_pit");
  auto vectors = one.reader.read(value(field), value(scan), 1u << 30);
  auto& all = value(vectors);
  REQUIRE(all.ids.size() == 25'000);
  CHECK(std::is_sorted(all.ids.begin(), all.ids.end()));
  CHECK(all.dims == 3);
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(std::hypot(all.values[3 * i], all.values[3 * i + 1], all.values[3 * i + 2]) == doctest::Approx(1));
  const auto at = std::find(all.ids.begin(), all.ids.end(), "id3") - all.ids.begin();
  CHECK(all.names[static_cast<std::size_t>(at)] == one.cluster.documents[3].name);
}

TEST_CASE("of too many documents an even sample is taken, the same each time") {
  Reading one;
  one.cluster.add(21'000);
  auto field = one.reader.find_field("pictures", "v");
  auto scan = one.reader.scan(value(field), 1'000);
  const auto& drawn = value(scan).documents;
  REQUIRE(drawn.size() == 1'000);
  CHECK(value(scan).total == 21'000);
  // By thirds of the numbers in the ids: each should have about 333.
  std::array<int, 3> thirds{};
  for (const auto& document : drawn) ++thirds[std::stoul(document.id.substr(2)) / 7'000];
  for (const int share : thirds) {
    CHECK(share > 270);
    CHECK(share < 400);
  }
  std::reverse(one.cluster.documents.begin(), one.cluster.documents.end());
  auto again = one.reader.scan(value(field), 1'000);
  for (std::size_t i = 0; i < drawn.size(); ++i) CHECK(value(again).documents[i].id == drawn[i].id);
}

TEST_CASE("vectors that would take too much memory are refused before any is read, with how many fit") {
  Reading one;
  one.cluster.add(100);
  auto field = one.reader.find_field("pictures", "v");
  auto scan = one.reader.scan(value(field), 100);
  const std::size_t searches = one.cluster.searches();
  auto read = one.reader.read(value(field), value(scan), 600);
  REQUIRE(std::holds_alternative<ReadRefusal>(read));
  CHECK(std::get<ReadRefusal>(read).message.find("max=50") != std::string::npos);
  CHECK(one.cluster.searches() == searches);
}

TEST_CASE("a vector of another length, and one that is none, is refused by its document") {
  Reading one;
  one.cluster.add(5);
  one.cluster.documents[2].vector = {1, 2};
  auto field = one.reader.find_field("pictures", "v");
  auto scan = one.reader.scan(value(field), 100);
  auto read = one.reader.read(value(field), value(scan), 1u << 20);
  REQUIRE(std::holds_alternative<ReadRefusal>(read));
  CHECK(std::get<ReadRefusal>(read).message.find("2 numbers in document id2") != std::string::npos);
  one.cluster.instead["/pictures/_search"] = {
      200, {}, "application/json", R"({"hits":{"hits":[{"_id":"id1","fields":{"v":["x",1,2]}}]}})"};
  read = one.reader.read(value(field), value(scan), 1u << 20);
  CHECK(std::holds_alternative<ReadRefusal>(read));
}

TEST_CASE("a vector with a number beyond floats is refused, wherever it stands") {
  Reading one;
  one.cluster.mappings = R"({"properties":{"v":{"type":"dense_vector","dims":3,"similarity":"l2_norm"}}})";
  one.cluster.add(1);
  auto field = one.reader.find_field("pictures", "v");
  auto scan = one.reader.scan(value(field), 100);
  for (const char* numbers : {"1e39,1,2", "1,1e39,2", "1,2,1e39"}) {
    one.cluster.instead["/pictures/_search"] = {
        200,
        {},
        "application/json",
        std::string(R"({"hits":{"hits":[{"_id":"id0","fields":{"v":[)") + numbers + "]}}]}}"};
    auto read = one.reader.read(value(field), value(scan), 1u << 20);
    REQUIRE(std::holds_alternative<ReadRefusal>(read));
    CHECK(std::get<ReadRefusal>(read).message.find("not finite") != std::string::npos);
  }
}

TEST_CASE("what is asked is asked as the caller") {
  FakeElasticsearch cluster;
  cluster.add(3);
  const AskElasticsearch ask = cluster.ask();
  elastic::Caller caller;
  caller.headers.add("Authorization", "ApiKey secret");
  IndexReader reader(ask, caller);
  auto field = reader.find_field("pictures", "v");
  auto scan = reader.scan(value(field), 10);
  auto read = reader.read(value(field), value(scan), 1u << 20);
  CHECK(value(read).ids.size() == 3);
  for (const http::Request& request : cluster.requests) CHECK(request.headers.get("Authorization") == "ApiKey secret");
}
