#include <cmath>
#include <doctest/doctest.h>
#include <random>
#include <vector>

#include "server/elastic/embedded/search/bm25.h"
#include "server/elastic/embedded/search/scored_docs.h"
#include "server/elastic/embedded/search/shard_view.h"
#include "server/elastic/embedded/search/vector_math.h"

using namespace sightline::elastic;

TEST_CASE("lengths survive their byte exactly while short, and to four bits when long") {
  for (std::uint32_t length = 0; length <= 40; ++length) CHECK(byte_to_length(length_to_byte(length)) == length);
  std::uint32_t last = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const std::uint32_t length = byte_to_length(static_cast<std::uint8_t>(byte));
    CHECK(length_to_byte(length) == byte);
    CHECK((byte == 0 || length > last));
    last = length;
  }
  for (const std::uint32_t length : {41u, 100u, 1'000u, 123'456u, 0x7FFFFFFFu}) {
    const std::uint32_t kept = byte_to_length(length_to_byte(length));
    CHECK(kept <= length);
    CHECK(kept >= length - length / 8);
  }
}

TEST_CASE("BM25 gives the scores that Elasticsearch 9.2 gave") {
  CHECK(Bm25Scorer({1, 1}, 1, 1).score(1, 1) == doctest::Approx(0.2876821).epsilon(1e-7));
  // Seven titles of 42 tokens together; "pool" in two of them: twice among 7 tokens, once among 9.
  const FieldStatistics titles{7, 42};
  CHECK(Bm25Scorer(titles, 2, 1).score(2, 7) == doctest::Approx(1.5277206).epsilon(1e-7));
  CHECK(Bm25Scorer(titles, 2, 1).score(1, 9) == doctest::Approx(0.9656346).epsilon(1e-7));
  // A keyword that two of seven documents have.
  CHECK(Bm25Scorer({7, 7}, 2, 1).score_without_length() == doctest::Approx(1.1631508).epsilon(1e-7));
  CHECK(Bm25Scorer(titles, 2, 0.5f).score(2, 7) == doctest::Approx(1.5277206 / 2).epsilon(1e-6));
}

TEST_CASE("inner products and distances agree with double for every length") {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (const std::size_t dims : {1u, 2u, 3u, 31u, 32u, 33u, 64u, 100u, 768u, 1024u, 4096u}) {
    std::vector<float> a(dims), b(dims);
    for (std::size_t i = 0; i < dims; ++i) a[i] = normal(random), b[i] = normal(random);
    double product = 0, distance = 0, scale = 0;
    for (std::size_t i = 0; i < dims; ++i) {
      const double x = a[i], y = b[i];
      product += x * y;
      distance += (x - y) * (x - y);
      scale += std::fabs(x * y);
    }
    CHECK(std::fabs(inner_product(a.data(), b.data(), dims) - product) <= 1e-6 * scale);
    CHECK(squared_distance(a.data(), b.data(), dims) == doctest::Approx(distance).epsilon(1e-6));
  }
}

TEST_CASE("scores of nearness follow each similarity's formula") {
  CHECK(score_of_nearness(VectorSimilarity::cosine, 0.5f) == 0.75f);
  CHECK(score_of_nearness(VectorSimilarity::dot_product, -1.5f) == 0.0f);
  CHECK(score_of_nearness(VectorSimilarity::l2_norm, -2.0f) == doctest::Approx(1.0 / 3));
  CHECK(score_of_nearness(VectorSimilarity::max_inner_product, 2.0f) == 3.0f);
  CHECK(score_of_nearness(VectorSimilarity::max_inner_product, -1.0f) == 0.5f);
}

TEST_CASE("query vectors that a similarity cannot compare are refused") {
  const std::vector<float> zero(4), half = {0.5f, 0, 0, 0}, unit = {0.6f, 0.8f}, infinite = {1, INFINITY};
  CHECK(unfit_for(VectorSimilarity::cosine, zero).find("zero magnitude") != std::string::npos);
  CHECK(unfit_for(VectorSimilarity::dot_product, half).find("unit-length") != std::string::npos);
  CHECK(unfit_for(VectorSimilarity::dot_product, unit).empty());
  CHECK(unfit_for(VectorSimilarity::l2_norm, zero).empty());
  const std::vector<float> tiny{1e-30F, 0, 0}, huge{1e30F, 1e30F, 1e30F};
  CHECK(unfit_for(VectorSimilarity::cosine, tiny).find("zero magnitude") != std::string::npos);
  CHECK(unfit_for(VectorSimilarity::l2_norm, tiny).empty());
  for (const auto similarity :
       {VectorSimilarity::cosine, VectorSimilarity::l2_norm, VectorSimilarity::max_inner_product})
    CHECK(unfit_for(similarity, huge) == "the magnitude of the vector is too large for a float");
  CHECK_FALSE(unfit_for(VectorSimilarity::l2_norm, infinite).empty());
  CHECK_FALSE(unfit_for(VectorSimilarity::l2_norm, std::vector<float>{NAN}).empty());
}

TEST_CASE("minimum_should_match is a number or a percentage") {
  CHECK(least_clauses("2", 3) == 2);
  CHECK(least_clauses("5", 3) == 5);
  CHECK(least_clauses("-1", 3) == 2);
  CHECK(least_clauses("-9", 3) == 0);
  CHECK(least_clauses("75%", 4) == 3);
  CHECK(least_clauses("75%", 3) == 2);
  CHECK(least_clauses("-25%", 4) == 3);
  CHECK_THROWS_AS(least_clauses("many", 3), ShardRefused);
  CHECK_THROWS_AS(least_clauses("2<75%", 3), ShardRefused);
}

namespace {
ScoredDocs scored(std::vector<Doc> docs, float score) {
  ScoredDocs out{DocSet(8), score};
  for (const Doc doc : docs) out.docs.set(doc);
  return out;
}

ScoredDocs put_together(ClauseSum sum, std::vector<ScoredDocs> clauses, std::size_t least = 1) {
  for (ScoredDocs& clause : clauses) sum.add(std::move(clause));
  return std::move(sum).finish(least);
}

ScoredDocs sum_of_any(std::vector<ScoredDocs> clauses, std::size_t least) {
  return put_together(ClauseSum(ClauseSum::Of::any, true, true), std::move(clauses), least);
}

}  // namespace

TEST_CASE("scores of clauses are added, the best taken, or given as a bonus") {
  const ScoredDocs any = sum_of_any({scored({0, 1}, 1), scored({1, 2}, 2)}, 1);
  CHECK(any.docs.count() == 3);
  CHECK(any.score(0) == 1);
  CHECK(any.score(1) == 3);
  CHECK(any.score(2) == 2);
  const ScoredDocs two = sum_of_any({scored({0, 1}, 1), scored({1, 2}, 2), scored({2, 1}, 4)}, 2);
  CHECK(two.docs.count() == 2);
  CHECK(two.score(1) == 7);
  CHECK(sum_of_any({scored({0}, 1)}, 2).docs.count() == 0);
  const ScoredDocs all = put_together(ClauseSum(ClauseSum::Of::all, true), {scored({0, 1}, 1), scored({1, 2}, 2)});
  CHECK(all.docs.count() == 1);
  CHECK(all.score(1) == 3);
  const ScoredDocs best = put_together(ClauseSum(ClauseSum::Of::best, true), {scored({0, 1}, 1), scored({1, 2}, 2)});
  CHECK(best.score(1) == 2);
  const ScoredDocs bonus = with_bonus(scored({0, 1}, 1), scored({1, 2}, 2), true);
  CHECK(bonus.docs.count() == 2);
  CHECK(bonus.score(0) == 1);
  CHECK(bonus.score(1) == 3);
}
