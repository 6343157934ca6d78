#include "eval/evaluation.h"

#include <cmath>

#include "tests/eval/tables.h"

using namespace sightline;
using namespace sightline::eval;

namespace {

/// Unit vectors in the plane, by angle in degrees.
Vectors plane(const std::vector<double>& degrees) {
  Vectors vectors;
  vectors.dims = 2;
  for (const double angle : degrees) {
    vectors.values.push_back(static_cast<float>(std::cos(angle * 3.14159265358979 / 180)));
    vectors.values.push_back(static_cast<float>(std::sin(angle * 3.14159265358979 / 180)));
  }
  return vectors;
}

Usable all_of(const Dataset& data, const Inputs& inputs) {
  return {std::vector<bool>(data.pictures().size(), true), std::vector<bool>(inputs.texts().size(), true)};
}

double mean_of(const RetrievalResult& result, const std::string& measure) {
  for (std::size_t i = 0; i < measures().size(); ++i) {
    if (measures()[i].name == measure) return result.means[i];
  }
  FAIL("no measure " << measure);
  return -1;
}

constexpr const char* k_red = R"({"name":"q","direction":"text-to-image","queries":[
  {"query":"red","right":{"color":"red"}},{"query":"night","right":{"time":"night"}}]})";

}  // namespace

TEST_CASE("means are those of the queries' hand-worked values") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, k_red);
  // From 0 degrees: a 10, b 20, c 5, d 40, e 30, f 50. Order c a b e d f; red are a b d: ranks 2 3 5.
  // From 60 degrees: f 10, d 20, e 30, b 40, a 50, c 55. Order f d e b a c; night are b d e: ranks 2 3 4.
  const Embedded embedded{plane({10, 20, 5, 40, 30, 50}), plane({0, 60})};
  const RetrievalResult result = evaluate(made, data, embedded, all_of(data, inputs));
  REQUIRE(result.outcomes.size() == 2);
  CHECK(result.outcomes[0].ranking.first_right_rank == 2);
  CHECK(result.outcomes[0].best[0].candidate == 2);
  CHECK(static_cast<double>(result.outcomes[0].best[0].score) == doctest::Approx(std::cos(5 * 3.14159265358979 / 180)));
  CHECK_FALSE(result.outcomes[0].best[0].right);
  CHECK(mean_of(result, "recall@1") == 0);
  CHECK(mean_of(result, "recall@5") == doctest::Approx(1));
  CHECK(mean_of(result, "hit@1") == 0);
  CHECK(mean_of(result, "precision@4") == doctest::Approx((0.5 + 0.75) / 2));
  CHECK(mean_of(result, "MRR") == doctest::Approx(0.5));
  const auto gain = [](double rank) { return 1 / std::log2(1 + rank); };
  const double best = gain(1) + gain(2) + gain(3);
  CHECK(mean_of(result, "nDCG@10") ==
        doctest::Approx(((gain(2) + gain(3) + gain(5)) / best + (gain(2) + gain(3) + gain(4)) / best) / 2));
  CHECK(result.mean_right == doctest::Approx(3));
  CHECK(result.mean_candidates == doctest::Approx(6));
}

TEST_CASE("what a model failed at takes no part, and queries left without a right or wrong answer are counted") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, k_red);
  const Embedded embedded{plane({10, 20, 5, 40, 30, 50}), plane({0, 60})};
  Usable usable = all_of(data, inputs);
  usable.pictures[2] = false;
  const RetrievalResult without_c = evaluate(made, data, embedded, usable);
  CHECK(without_c.outcomes[0].candidates == 5);
  CHECK(without_c.outcomes[0].ranking.first_right_rank == 1);
  usable.pictures = {false, false, true, false, true, true};  // no red; e is at night, c and f are not
  const RetrievalResult no_red = evaluate(made, data, embedded, usable);
  CHECK(no_red.without_right == 1);
  CHECK(no_red.outcomes.size() == 1);
  usable.pictures = {true, true, false, true, false, false};  // red ones only
  CHECK(evaluate(made, data, embedded, usable).without_wrong == 1);
  usable.texts[0] = false;
  CHECK(evaluate(made, data, embedded, usable).failed == 1);
}

TEST_CASE("pairs of queries without a right answer are kept apart: they count for cut-offs only") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, R"({"name":"q","direction":"text-to-image","queries":[
    {"query":"red","right":{"color":"red"}},{"query":"a cat","right":"nothing"}]})");
  CHECK(wrong_pairs(made, data) == 3 + 6);
  const Embedded embedded{plane({10, 20, 5, 40, 30, 50}), plane({0, 60})};
  const RetrievalResult result = evaluate(made, data, embedded, all_of(data, inputs));
  CHECK(result.outcomes.size() == 1);
  CHECK(result.without_right == 1);
  CHECK(result.pairs.right() == 3);
  CHECK(result.pairs.wrong() == 3);
  CHECK(result.unanswered.right() == 0);
  CHECK(result.unanswered.wrong() == 6);
}

TEST_CASE("equal vectors come in the table's order, every time") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  Inputs inputs;
  const Task made = task(folder, data, inputs, k_red);
  const Embedded embedded{plane({10, 10, 10, 10, 10, 10}), plane({0, 60})};
  const RetrievalResult result = evaluate(made, data, embedded, all_of(data, inputs));
  for (std::uint32_t i = 0; i < 6; ++i) CHECK(result.outcomes[0].best[i].candidate == i);
}

TEST_CASE("each picture gets the label whose prompts lie nearest on average") {
  const TemporaryFolder folder;
  const Dataset data = dataset(folder);
  const auto read =
      sets(folder, data, R"({"zero_shot":[{"name":"z","attribute":"kind","template":["a {}","the {}"]}]})");
  REQUIRE(read.ok());
  Inputs inputs;
  const auto made = make_label_task(read->zero_shot.front(), data, inputs);
  REQUIRE(made.ok());
  // Prompts of house at 0 and 40: 20 on average; of kitchen at 60 and 80: 70. Between them: 45.
  const Embedded embedded{plane({10, 44, 46, 50, 70, 44}), plane({0, 40, 60, 80})};
  const auto result = evaluate(*made, data, embedded, all_of(data, inputs));
  REQUIRE(result);
  // Houses a b c: a b right. Kitchens d e f: d e right.
  CHECK(result->accuracy == doctest::Approx(4.0 / 6));
  CHECK(result->by_label[0] == std::pair<std::size_t, std::size_t>(2, 3));
  CHECK(result->by_label[1] == std::pair<std::size_t, std::size_t>(2, 3));
  CHECK(result->mean_of_labels == doctest::Approx(4.0 / 6));
  CHECK(result->most_frequent == doctest::Approx(0.5));
  CHECK(result->pictures[2].taken_for == 1);
  Usable usable = all_of(data, inputs);
  usable.pictures[2] = usable.pictures[5] = false;
  const auto fewer = evaluate(*made, data, embedded, usable);
  REQUIRE(fewer);
  CHECK(fewer->accuracy == 1);
  CHECK(fewer->failed == 2);
  usable.texts[0] = false;
  CHECK_FALSE(evaluate(*made, data, embedded, usable));
}
