#include "ingest/cohere_cost.h"

#include <doctest/doctest.h>

namespace sightline::ingest {

TEST_CASE("models at Cohere are read from the mapping's _meta, with their budgets") {
  CHECK(cohere_models("").empty());
  CHECK(cohere_models(R"({"_meta":{"sightline":7}})").empty());
  const auto models = cohere_models(R"({"_meta":{"sightline":{
      "a":{"model":"cohere","cohere":{"model":"embed-v4.0","pictures_per_call":96,"pictures_per_minute":5}},
      "b":{"model":"cohere","cohere":{"model":"embed-english-v3.0","pictures_per_call":-1,"calls_per_minute":"many"}},
      "c":{"model":"cohere","cohere":{"model":"embed-v4.0","pictures_per_call":0,"calls_per_minute":7}},
      "d":{"model":"clip"},"e":{"cohere":{"model":8}},"f":[]}}})");
  REQUIRE(models.size() == 2);
  CHECK(models[0].name == "embed-english-v3.0");
  CHECK(models[0].pictures_per_call == 1);
  CHECK(models[0].calls_per_minute == 0);
  CHECK(models[1].name == "embed-v4.0");
  CHECK(models[1].pictures_per_call == 1);
  CHECK(models[1].calls_per_minute == 7);
}

TEST_CASE("the cost of a load at Cohere names calls and times") {
  CHECK(
      cohere_cost({"embed-english-v3.0", 1, 0, 0}, 400) ==
      "embed-english-v3.0 runs at Cohere: up to 400 pictures use 400 calls (a trial key has 1,000 calls per month) and "
      "take at least 80 minutes at 5 pictures per minute with a trial key, or 60 seconds with a production key (400 "
      "per "
      "minute)");
  CHECK(cohere_cost({"embed-v4.0", 96, 5, 0}, 300).find("use 4 to 300 calls (") != std::string::npos);
  CHECK(cohere_cost({"embed-v4.0", 96, 5, 0}, 300)
            .ends_with("60 minutes at 5 pictures per minute "
                       "(--cohere-pictures-per-minute)"));
  CHECK(cohere_cost({"embed-v4.0", 96, 400, 10}, 9600)
            .ends_with("24 minutes at 400 pictures per minute (--cohere-pictures-per-minute), and 10 minutes at 10 "
                       "calls per minute "
                       "(--cohere-calls-per-minute)"));
  CHECK(cohere_cost({"m", 1, 5, 0}, 6000).find("20 hours") != std::string::npos);
}

}  // namespace sightline::ingest
