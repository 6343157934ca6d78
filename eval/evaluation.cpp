#include "eval/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sightline::eval {
namespace {

constexpr std::array<Measure, 9> k_measures{{
    {"recall@1", [](const Ranking& r) { return recall_at(r, 1); }},
    {"recall@5", [](const Ranking& r) { return recall_at(r, 5); }},
    {"recall@10", [](const Ranking& r) { return recall_at(r, 10); }},
    {"hit@1", [](const Ranking& r) { return hit_at(r, 1); }},
    {"hit@5", [](const Ranking& r) { return hit_at(r, 5); }},
    {"hit@10", [](const Ranking& r) { return hit_at(r, 10); }},
    {"precision@4", [](const Ranking& r) { return precision_at(r, 4); }},
    {"MRR", [](const Ranking& r) { return reciprocal_rank(r); }},
    {"nDCG@10", [](const Ranking& r) { return ndcg_at(r, 10); }},
}};

/// Scores of the participating candidates, and which of them are right.
struct Field {
  std::vector<Scored> scored;
  std::vector<bool> right;  ///< by candidate number
  std::size_t right_total = 0;
};

Field score(const Task& task, const Query& query, const Dataset& data, const Embedded& embedded, const Usable& usable) {
  const bool texts = candidates_are_texts(task.set.direction);
  const Vectors& vectors = texts ? embedded.texts : embedded.pictures;
  const auto asked =
      queries_are_texts(task.set.direction) ? embedded.texts.at(query.input) : embedded.pictures.at(query.input);
  Field field;
  field.right.resize(task.candidates.size());
  for (std::uint32_t number = 0; number < task.candidates.size(); ++number) {
    const std::uint32_t input = task.candidates[number].input;
    if (!(texts ? usable.texts : usable.pictures)[input]) continue;
    const Relation relation = task.relation(query, number, data);
    if (relation == Relation::left_out) continue;
    field.scored.push_back({dot(asked, vectors.at(input)), number});
    field.right[number] = relation == Relation::right;
    field.right_total += relation == Relation::right;
  }
  return field;
}

QueryOutcome rank(std::uint32_t number, Field field) {
  QueryOutcome outcome;
  outcome.query = number;
  outcome.candidates = field.scored.size();
  outcome.ranking.right_total = field.right_total;
  const auto best_right =
      *std::min_element(field.scored.begin(), field.scored.end(), [&](const Scored& a, const Scored& b) {
        const bool a_right = field.right[a.candidate], b_right = field.right[b.candidate];
        return a_right != b_right ? a_right : before(a, b);
      });
  outcome.ranking.first_right_rank =
      1 + static_cast<std::size_t>(std::count_if(field.scored.begin(), field.scored.end(),
                                                 [&](const Scored& s) { return before(s, best_right); }));
  put_best_first(field.scored, k_depth);
  for (std::size_t i = 0; i < std::min(k_depth, field.scored.size()); ++i) {
    const Scored& hit = field.scored[i];
    outcome.best.push_back({hit.candidate, hit.score, field.right[hit.candidate]});
    outcome.ranking.right.push_back(field.right[hit.candidate]);
  }
  for (std::uint32_t candidate = 0; candidate < field.right.size() && outcome.expected.size() < k_depth; ++candidate) {
    if (field.right[candidate]) outcome.expected.push_back(candidate);
  }
  return outcome;
}

/// The mean of unit vectors, normalised to unit length.
std::vector<float> mean_direction(const Vectors& vectors, const std::vector<std::uint32_t>& numbers) {
  std::vector<double> sum(vectors.dims);
  for (const std::uint32_t number : numbers) {
    const auto vector = vectors.at(number);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(vector[i]);
  }
  double square = 0;
  for (const double x : sum) square += x * x;
  std::vector<float> mean(sum.size());
  if (square == 0) return mean;  // prompts that cancel each other: the same similarity to every picture
  for (std::size_t i = 0; i < sum.size(); ++i) mean[i] = static_cast<float>(sum[i] / std::sqrt(square));
  return mean;
}

}  // namespace

std::span<const Measure> measures() {
  return k_measures;
}

RetrievalResult evaluate(const Task& task, const Dataset& data, const Embedded& embedded, const Usable& usable) {
  RetrievalResult result;
  const auto& usable_queries = queries_are_texts(task.set.direction) ? usable.texts : usable.pictures;
  for (std::uint32_t number = 0; number < task.queries.size(); ++number) {
    const Query& query = task.queries[number];
    if (!usable_queries[query.input]) {
      ++result.failed;
      continue;
    }
    Field field = score(task, query, data, embedded, usable);
    if (field.right_total == field.scored.size() && field.right_total > 0) {
      ++result.without_wrong;
      continue;
    }
    JudgedPairs& pairs = field.right_total > 0 ? result.pairs : result.unanswered;
    for (const Scored& scored : field.scored) pairs.add(scored.score, field.right[scored.candidate], query.input);
    if (field.right_total == 0) {
      ++result.without_right;
    } else {
      result.outcomes.push_back(rank(number, std::move(field)));
    }
  }
  if (result.outcomes.empty()) return result;
  const auto count = static_cast<double>(result.outcomes.size());
  result.means.resize(k_measures.size());
  for (const QueryOutcome& outcome : result.outcomes) {
    for (std::size_t i = 0; i < k_measures.size(); ++i) result.means[i] += k_measures[i].of(outcome.ranking) / count;
    result.mean_right += static_cast<double>(outcome.ranking.right_total) / count;
    result.mean_candidates += static_cast<double>(outcome.candidates) / count;
  }
  return result;
}

std::uint64_t wrong_pairs(const Task& task, const Dataset& data) {
  std::uint64_t wrong = 0;
  for (const Query& query : task.queries) {
    for (std::uint32_t number = 0; number < task.candidates.size(); ++number)
      wrong += task.relation(query, number, data) == Relation::wrong;
  }
  return wrong;
}

std::optional<LabelResult> evaluate(const LabelTask& task, const Dataset& data, const Embedded& embedded,
                                    const Usable& usable) {
  std::vector<std::vector<float>> labels;
  for (const auto& prompts : task.prompts) {
    if (!std::all_of(prompts.begin(), prompts.end(), [&](std::uint32_t p) { return usable.texts[p]; }))
      return std::nullopt;
    labels.push_back(mean_direction(embedded.texts, prompts));
  }
  LabelResult result;
  result.by_label.resize(labels.size());
  for (const std::uint32_t picture : task.pictures) {
    if (!usable.pictures[picture]) {
      ++result.failed;
      continue;
    }
    std::vector<Scored> scored;
    std::uint32_t truth = 0;
    for (std::uint32_t label = 0; label < labels.size(); ++label) {
      scored.push_back({dot(embedded.pictures.at(picture), labels[label]), label});
      if (task.set.labels[label].first == data.pictures()[picture].values[task.set.attribute]) truth = label;
    }
    put_best_first(scored, 1);
    const std::uint32_t taken_for = scored.front().candidate;
    result.pictures.push_back({picture, truth, taken_for});
    ++result.by_label[truth].second;
    result.by_label[truth].first += taken_for == truth;
  }
  if (result.pictures.empty()) return std::nullopt;
  const auto all = static_cast<double>(result.pictures.size());
  std::size_t labels_seen = 0;
  for (const auto& [right, total] : result.by_label) {
    result.accuracy += static_cast<double>(right) / all;
    result.most_frequent = std::max(result.most_frequent, static_cast<double>(total) / all);
    if (total == 0) continue;
    result.mean_of_labels += static_cast<double>(right) / static_cast<double>(total);
    ++labels_seen;
  }
  result.mean_of_labels /= static_cast<double>(labels_seen);
  return result;
}

}  // namespace sightline::eval
