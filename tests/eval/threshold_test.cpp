#include "eval/threshold.h"

#include <doctest/doctest.h>

using namespace sightline::eval;

namespace {

JudgedPairs pairs(const std::vector<std::pair<float, int>>& right, const std::vector<std::pair<float, int>>& wrong) {
  JudgedPairs made;
  for (const auto& [cosine, count] : right) {
    for (int i = 0; i < count; ++i) made.add(cosine, true);
  }
  for (const auto& [cosine, count] : wrong) {
    for (int i = 0; i < count; ++i) made.add(cosine, false);
  }
  return made;
}

}  // namespace

TEST_CASE("the threshold has the highest F1 over all pairs, worked by hand") {
  // From 0.8: 5 of 5 right, recall 5/10: F1 10/15. From 0.6: 9 of 11: 18/21. From 0.4: 10 of 22: 20/32.
  const auto best = pairs({{0.8f, 5}, {0.6f, 4}, {0.4f, 1}}, {{0.6f, 2}, {0.4f, 10}, {0.1f, 30}}).best();
  REQUIRE(best);
  CHECK(best->f1 == doctest::Approx(18.0 / 21));
  CHECK(best->precision == doctest::Approx(9.0 / 11));
  CHECK(best->recall == doctest::Approx(0.9));
  CHECK(best->cosine > 0.4);
  CHECK(best->cosine <= 0.6);
}

TEST_CASE("the threshold lies in the middle between the last pair shown and the first that is not") {
  const auto best = pairs({{0.7f, 20}}, {{0.3f, 20}}).best();
  REQUIRE(best);
  CHECK(best->cosine == doctest::Approx(0.5).epsilon(0.001));
  CHECK(best->score() == doctest::Approx(0.75).epsilon(0.001));
  CHECK(best->f1 == 1);
}

TEST_CASE("of thresholds with the same F1 the highest is taken") {
  // From 0.8: 5 of 5: F1 10/15. From 0.2: all 10 of 20: 20/30, the same.
  const auto best = pairs({{0.8f, 5}, {0.2f, 5}}, {{0.2f, 10}, {-0.5f, 1}}).best();
  REQUIRE(best);
  CHECK(best->precision == 1);
  CHECK(best->recall == doctest::Approx(0.5));
}

TEST_CASE("pairs of the same step are shown together, or not at all") {
  const auto best = pairs({{0.5f, 10}}, {{0.5f, 10}}).best();
  REQUIRE(best);
  CHECK(best->precision == doctest::Approx(0.5));
  CHECK(best->recall == 1);
  CHECK(best->cosine == doctest::Approx(0.5));
}

TEST_CASE("with fewer than ten right or ten wrong pairs there is no threshold") {
  CHECK_FALSE(JudgedPairs().best());
  CHECK_FALSE(pairs({{0.9f, 9}}, {{0.1f, 100}}).best());
  CHECK_FALSE(pairs({{0.9f, 100}}, {{0.1f, 9}}).best());
  CHECK(pairs({{0.9f, 10}}, {{0.1f, 10}}).best());
}

TEST_CASE("the order in which pairs come, and in which counts are added, does not matter") {
  const auto forth = pairs({{0.8f, 7}, {0.5f, 9}}, {{0.5f, 3}, {0.2f, 11}});
  JudgedPairs back = pairs({}, {{0.2f, 11}, {0.5f, 3}});
  back.add(pairs({{0.5f, 9}, {0.8f, 7}}, {}));
  REQUIRE(back.best());
  CHECK(back.best()->cosine == forth.best()->cosine);
  CHECK(back.best()->f1 == forth.best()->f1);
}

TEST_CASE("cosines at the ends, and just outside of what rounding leaves, are counted") {
  const auto best = pairs({{1.0000001f, 5}, {1, 5}}, {{-1, 5}, {-1.0000001f, 5}}).best();
  REQUIRE(best);
  CHECK(best->f1 == 1);
  CHECK(best->cosine == doctest::Approx(0).epsilon(0.001));
}
