#include "eval/threshold.h"

#include <doctest/doctest.h>
#include <random>

using namespace sightline::eval;

namespace {

/// The pairs belong to as many queries as there are pairs of a cosine.
JudgedPairs pairs(const std::vector<std::pair<float, int>>& right, const std::vector<std::pair<float, int>>& wrong) {
  JudgedPairs made;
  for (const auto& [cosine, count] : right) {
    for (int i = 0; i < count; ++i) made.add(cosine, true, static_cast<std::uint32_t>(i));
  }
  for (const auto& [cosine, count] : wrong) {
    for (int i = 0; i < count; ++i) made.add(cosine, false, static_cast<std::uint32_t>(i));
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
  CHECK(score_of(best->cosine) == doctest::Approx(0.75).epsilon(0.001));
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

TEST_CASE("at most the chosen share of wrong pairs reaches the cut-off, worked by hand") {
  // 1,000 wrong pairs: 50 with 0.6, 50 with 0.5, 900 with 0.1. 20 right pairs: 15 with 0.7, 5 with 0.55.
  const auto judged = pairs({{0.7f, 15}, {0.55f, 5}}, {{0.6f, 50}, {0.5f, 50}, {0.1f, 900}});
  const auto five = judged.cutoff(0.05);
  REQUIRE(five.ok());
  CHECK(five->cosine == doctest::Approx(0.5001).epsilon(1e-6));
  CHECK(five->false_positive_rate == doctest::Approx(0.05));
  CHECK(five->recall == 1);
  const auto less = judged.cutoff(0.049);
  REQUIRE(less.ok());
  CHECK(less->cosine == doctest::Approx(0.6001).epsilon(1e-6));
  CHECK(less->false_positive_rate == 0);
  CHECK(less->recall == doctest::Approx(0.75));
  const auto ten = judged.cutoff(0.1);
  REQUIRE(ten.ok());
  CHECK(ten->cosine == doctest::Approx(0.1001).epsilon(1e-6));
  CHECK(score_of(ten->cosine) == doctest::Approx(0.55005));
}

TEST_CASE("the range of the cut-off is wider the more the queries differ, and covers other samples") {
  // A query's cosines lie evenly in [0, 0.1) above an offset of its own.
  std::mt19937 random(7);
  const auto sample = [&](int queries, double spread) {
    JudgedPairs made;
    for (int query = 0; query < queries; ++query) {
      const double offset = spread * static_cast<double>(random() % 1000) / 1000;
      for (int i = 0; i < 100; ++i)
        made.add(static_cast<float>(offset + static_cast<double>(random() % 1000) / 10'000), false,
                 static_cast<std::uint32_t>(query));
    }
    return made;
  };
  const auto width = [](const Cutoff& cutoff) { return cutoff.highest - cutoff.lowest; };
  const auto alike = sample(100, 0).cutoff(0.05), differing = sample(100, 0.5).cutoff(0.05);
  REQUIRE(alike.ok());
  REQUIRE(differing.ok());
  CHECK(alike->lowest <= alike->cosine);
  CHECK(alike->cosine <= alike->highest);
  CHECK(width(*differing) > 10 * width(*alike));
  const auto truth = sample(20'000, 0.5).cutoff(0.05);
  REQUIRE(truth.ok());
  int covered = 0;
  for (int i = 0; i < 200; ++i) {
    const auto one = sample(200, 0.5).cutoff(0.05);
    REQUIRE(one.ok());
    covered += one->lowest <= truth->cosine && truth->cosine <= one->highest;
  }
  CHECK(covered >= 180);  // of 200; 95 % is the aim
}

TEST_CASE("a cut-off needs ten wrong pairs above it, and more than a few queries") {
  CHECK(wrong_pairs_needed(0.05) == 200);
  CHECK(wrong_pairs_needed(0.01) == 1000);
  const auto judged = pairs({{0.7f, 15}}, {{0.2f, 199}});
  REQUIRE_FALSE(judged.cutoff(0.05).ok());
  CHECK(judged.cutoff(0.05).error().message == "199 wrong pairs; a false-positive rate of 5 % needs 200");
  CHECK(judged.cutoff(0.1).ok());
  CHECK_FALSE(JudgedPairs().cutoff(0.5).ok());
  JudgedPairs few;
  for (std::uint32_t i = 0; i < 1000; ++i) few.add(static_cast<float>(i) / 1000, false, i % 7);
  REQUIRE_FALSE(few.cutoff(0.05).ok());
  CHECK(few.cutoff(0.05).error().message.find("too few queries") != std::string::npos);
  for (std::uint32_t i = 0; i < 1000; ++i) few.add(static_cast<float>(i) / 1000, false, i % 12);
  CHECK(few.cutoff(0.05).ok());
}

TEST_CASE("wrong pairs of cosine 1 leave no cut-off, and one of cosine -1 stays in range") {
  const auto same = pairs({}, {{1, 300}}).cutoff(0.05);
  REQUIRE_FALSE(same.ok());
  CHECK(same.error().message.find("cosine of 1") != std::string::npos);
  const auto apart = pairs({{0.5f, 10}}, {{-1, 300}}).cutoff(0.05);
  REQUIRE(apart.ok());
  CHECK(apart->cosine == doctest::Approx(-0.9999));
  CHECK(apart->lowest >= -1);
  CHECK(apart->highest <= 1);
}
