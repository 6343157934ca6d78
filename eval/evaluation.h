// Measuring one model on one set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/metrics.h"
#include "eval/task.h"
#include "eval/threshold.h"

namespace sightline::eval {

/// Vectors of unit length, one after the other.
struct Vectors {
  std::size_t dims = 0;
  std::vector<float> values;  ///< [count, dims]; zeros for failed inputs
  std::span<const float> at(std::size_t i) const { return {values.data() + i * dims, dims}; }
};

/// One model's vectors of the inputs.
struct Embedded {
  Vectors pictures, texts;
};

/// The inputs that count: those for which no model failed, so that all models are measured on the same inputs.
struct Usable {
  std::vector<bool> pictures, texts;
};

struct Hit {
  std::uint32_t candidate = 0;
  float score = 0;  ///< cosine
  bool right = false;
};

struct QueryOutcome {
  std::uint32_t query = 0;
  std::size_t candidates = 0;  ///< right and wrong together
  Ranking ranking;
  std::vector<Hit> best;                ///< the best k_depth
  std::vector<std::uint32_t> expected;  ///< right candidates, the first k_depth by number
};

/// A measure's name, and its value for a ranking.
struct Measure {
  const char* name;
  double (*of)(const Ranking&);
};
/// The reported measures, in this order.
std::span<const Measure> measures();

struct RetrievalResult {
  std::vector<QueryOutcome> outcomes;  ///< of the queries that could be measured, in order
  std::vector<double> means;           ///< over the outcomes, one for each of `measures`; empty: no outcomes
  std::size_t failed = 0;              ///< queries not usable
  std::size_t without_right = 0;       ///< queries without a right candidate, which measure nothing
  std::size_t without_wrong = 0;       ///< queries without a wrong candidate
  double mean_right = 0, mean_candidates = 0;
  JudgedPairs pairs;       ///< of the measured queries, each with all its candidates
  JudgedPairs unanswered;  ///< of the queries without a right candidate
};
RetrievalResult evaluate(const Task& task, const Dataset& data, const Embedded& embedded, const Usable& usable);

/// The wrong pairs of all queries, with a right answer or without, if no input fails.
std::uint64_t wrong_pairs(const Task& task, const Dataset& data);

/// A picture, its true label and the chosen label, as numbers of labels.
struct Labelled {
  std::uint32_t picture = 0, truth = 0, taken_for = 0;
};
struct LabelResult {
  std::vector<Labelled> pictures;
  double accuracy = 0;        ///< share of pictures with the right label
  double mean_of_labels = 0;  ///< the mean over labels of each label's share of right pictures
  double most_frequent = 0;   ///< the accuracy of always choosing the most frequent label
  std::vector<std::pair<std::size_t, std::size_t>> by_label;  ///< right, all
  std::size_t failed = 0;                                     ///< pictures not usable
};
/// Zero-shot classification (Radford et al. 2021, 3.1): chooses the label whose prompt is nearest. With several
/// templates it is the mean of the prompts' unit vectors, normalised to unit length. nullopt: a prompt, or every
/// picture, is not usable.
std::optional<LabelResult> evaluate(const LabelTask& task, const Dataset& data, const Embedded& embedded,
                                    const Usable& usable);

}  // namespace sightline::eval
