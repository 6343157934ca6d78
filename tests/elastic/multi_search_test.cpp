#include "server/elastic/query_vectors/multi_search.h"

#include <doctest/doctest.h>

using namespace sightline::elastic;

TEST_CASE("the lines of an _msearch are paired, empty ones and carriage returns too") {
  const std::string body = "\n{\"a\":1}\r\n{\"index\":\"x\"}\r\n{}\n\n\n\n";
  const auto searches = search_lines(body);
  REQUIRE(searches.size() == 3);
  const auto search = [&](std::size_t i) {
    return body.substr(searches[i].search_begin, searches[i].search_end - searches[i].search_begin);
  };
  CHECK(search(0) == "{\"a\":1}\r");
  CHECK(search(1) == "{}");
  CHECK(search(2).empty());
  CHECK(searches[0].begin == 0);
  CHECK(searches[1].begin == searches[0].end);
  CHECK(searches[2].end == body.size() - 1);
  CHECK(search_lines("{}\n{}").empty());
  CHECK(search_lines("").empty());
}

TEST_CASE("failures go in their places between items that stay byte by byte") {
  const std::vector<Refusal> failures{illegal_argument("one"), {}, illegal_argument("two"), {}};
  const auto merged = merge_failures(R"( {"_shards":{"responses":[1]}, "took":0003e0 })", failures);
  CHECK_FALSE(merged.has_value());  // no JSON, and no responses
  const std::string first = R"({"hits":{"x":1.50, "y":"\u00e9[{"}, "z":[1e400]})", second = R"({"status" : 404})";
  const auto good =
      merge_failures("{\"took\" : 7,\"responses\" : [ " + first + " ,\n" + second + "], \"more\":1.0}", failures);
  REQUIRE(good.has_value());
  CHECK(*good == "{\"took\" : 7,\"responses\" : [" + failures[0]->envelope_json() + "," + first + "," +
                     failures[2]->envelope_json() + "," + second + "], \"more\":1.0}");
}

TEST_CASE("an answer with too few or too many items is none") {
  const std::vector<Refusal> failures{illegal_argument("one"), {}};
  CHECK_FALSE(merge_failures(R"({"responses":[]})", failures).has_value());
  CHECK_FALSE(merge_failures(R"({"responses":[{},{}]})", failures).has_value());
  CHECK_FALSE(merge_failures(R"({"responses":{}})", failures).has_value());
  CHECK_FALSE(merge_failures(R"({"other":[{}]})", failures).has_value());
  CHECK_FALSE(merge_failures(R"({"responses":[{})", failures).has_value());
  CHECK(merge_failures(R"({"responses":[{}]})", failures).has_value());
}
