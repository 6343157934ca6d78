#include "eval/metrics.h"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>

using namespace sightline::eval;

namespace {

// Right answers at ranks 2, 4 and 12 of twelve candidates: the tenth is as deep as a ranking looks.
const Ranking k_ranking{{false, true, false, true, false, false, false, false, false, false}, 3, 2};

}  // namespace

TEST_CASE("recall counts the right answers found of all there are") {
  CHECK(recall_at(k_ranking, 1) == 0);
  CHECK(recall_at(k_ranking, 5) == doctest::Approx(2.0 / 3));
  CHECK(recall_at(k_ranking, 10) == doctest::Approx(2.0 / 3));
}

TEST_CASE("a hit is one right answer or more among the best k") {
  CHECK(hit_at(k_ranking, 1) == 0);
  CHECK(hit_at(k_ranking, 2) == 1);
  CHECK(hit_at(k_ranking, 10) == 1);
  const Ranking deep{std::vector<bool>(10), 1, 11};
  CHECK(hit_at(deep, 10) == 0);
  CHECK(reciprocal_rank(deep) == doctest::Approx(1.0 / 11));
}

TEST_CASE("precision divides by k, also where there are fewer candidates") {
  CHECK(precision_at(k_ranking, 4) == doctest::Approx(0.5));
  CHECK(precision_at(k_ranking, 10) == doctest::Approx(0.2));
  CHECK(precision_at({{true, true}, 2, 1}, 4) == doctest::Approx(0.5));
}

TEST_CASE("the reciprocal rank is that of the first right answer") {
  CHECK(reciprocal_rank(k_ranking) == doctest::Approx(0.5));
  CHECK(reciprocal_rank({{true}, 1, 1}) == 1);
}

TEST_CASE("nDCG discounts by log2 of the rank and divides by the best order's") {
  // DCG = 1/log2(3) + 1/log2(5); the best order has its three at ranks 1 to 3.
  const double gained = 1 / std::log2(3.0) + 1 / std::log2(5.0);
  const double best = 1 + 1 / std::log2(3.0) + 1 / std::log2(4.0);
  CHECK(ndcg_at(k_ranking, 10) == doctest::Approx(gained / best));
  CHECK(ndcg_at(k_ranking, 10) == doctest::Approx(0.498189));  // (0.630930 + 0.430677) / 2.130930
  CHECK(ndcg_at({{true, true, false}, 2, 1}, 10) == doctest::Approx(1));
  CHECK(ndcg_at({{false, false, false}, 1, 11}, 10) == 0);
  // With more right answers than places the best order is one of right answers alone.
  CHECK(ndcg_at({std::vector<bool>(10, true), 50, 1}, 10) == doctest::Approx(1));
}

TEST_CASE("equal scores are ordered by candidate number") {
  std::vector<Scored> scored{{0.5f, 3}, {0.9f, 2}, {0.5f, 1}, {0.9f, 0}};
  put_best_first(scored, 4);
  CHECK(scored[0].candidate == 0);
  CHECK(scored[1].candidate == 2);
  CHECK(scored[2].candidate == 1);
  CHECK(scored[3].candidate == 3);
}

TEST_CASE("the best come first, also where fewer are asked for than there are, or more") {
  std::vector<Scored> scored{{0.1f, 0}, {0.4f, 1}, {0.3f, 2}, {0.2f, 3}};
  put_best_first(scored, 2);
  CHECK(scored[0].candidate == 1);
  CHECK(scored[1].candidate == 2);
  put_best_first(scored, 10);
  CHECK(scored[3].candidate == 0);
}

TEST_CASE("a dot product takes every element, whatever the length") {
  for (const std::size_t length : {0u, 1u, 15u, 16u, 17u, 37u}) {
    std::vector<float> a, b;
    float expected = 0;
    for (std::size_t i = 0; i < length; ++i) {
      a.push_back(static_cast<float>(i + 1));
      b.push_back(i % 2 == 0 ? 1.0f : -2.0f);
      expected += a.back() * b.back();
    }
    CHECK(dot(a, b) == expected);
  }
}
