#include <algorithm>
#include <cstdio>
#include <string_view>

#include "eval/report.h"

namespace sightline::eval {
namespace {

constexpr std::size_t k_name_width = 26;
constexpr std::size_t k_least_column = 10;

std::size_t column_width(const ModelRun& model) {
  return std::max(k_least_column, model.description.name.size() + 2);
}

void add_cell(std::string& line, const std::string& text, std::size_t width) {
  line.append(width > text.size() ? width - text.size() : 1, ' ');
  line += text;
}

template <class Cell>
std::string row(const Evaluation& evaluation, const std::string& name, Cell cell) {
  std::string line = "  " + name;
  line.resize(std::max(line.size(), k_name_width), ' ');
  for (std::size_t i = 0; i < evaluation.models.size(); ++i)
    add_cell(line, cell(evaluation.models[i], i), column_width(evaluation.models[i]));
  return line + "\n";
}

std::string counted(std::size_t count, const char* what) {
  return count == 0 ? "" : ", " + std::to_string(count) + " " + what;
}

std::string set_rows(const Evaluation& evaluation, std::size_t task_number) {
  const Task& task = evaluation.tasks[task_number];
  std::string text = "\n" + task.set.name + " (" + to_string(task.set.direction);
  const RetrievalResult* any = any_result(evaluation, task_number);
  if (any == nullptr) return text + "): no model supports its inputs\n";
  text += ", " + std::to_string(any->outcomes.size()) + " queries";
  if (!any->outcomes.empty()) {
    text += ", on average " + decimal(any->mean_right, 1) + " right of " + decimal(any->mean_candidates, 1);
  }
  text += counted(any->failed, "failed") + counted(any->without_right, "without a right answer") +
          counted(any->without_wrong, "without a wrong one") +
          counted(task.not_asked, "not queried for lack of attributes") + ")\n";
  if (any->outcomes.empty()) return text + "  nothing could be measured\n";
  const bool skip_hits = one_right_each(*any);
  for (std::size_t m = 0; m < measures().size(); ++m) {
    const std::string name = measures()[m].name;
    if (skip_hits && name.starts_with("hit@")) continue;
    text += row(evaluation, name, [&](const ModelRun& model, std::size_t) {
      const auto& result = model.retrieval[task_number];
      return result ? decimal(result->means[m], 4) : std::string("-");
    });
  }
  const auto threshold_rows = [&](const char* name, double Threshold::*value) {
    text += row(evaluation, name, [&](const ModelRun& model, std::size_t) {
      const auto best = model.retrieval[task_number] ? model.retrieval[task_number]->pairs.best() : std::nullopt;
      return best ? decimal((*best).*value, 4) : std::string("-");
    });
  };
  threshold_rows("threshold (cosine)", &Threshold::cosine);
  threshold_rows("  precision there", &Threshold::precision);
  threshold_rows("  recall there", &Threshold::recall);
  threshold_rows("  F1 there", &Threshold::f1);
  return text;
}

/// The thresholds of all directions, one column per model.
using ThresholdColumns = std::vector<std::vector<DirectionThreshold>>;

const DirectionThreshold* find(const ThresholdColumns& columns, std::size_t model, Direction direction) {
  for (const DirectionThreshold& threshold : columns[model]) {
    if (threshold.direction == direction) return &threshold;
  }
  return nullptr;
}

std::string threshold_rows(const Evaluation& evaluation, const ThresholdColumns& columns) {
  std::string text;
  for (const Direction direction : k_directions) {
    bool any = false;
    const std::string line = row(evaluation, to_string(direction), [&](const ModelRun&, std::size_t i) {
      const DirectionThreshold* found = find(columns, i, direction);
      if (found == nullptr || !found->best) return std::string("-");
      any = true;
      return decimal(found->best->cosine, 4);
    });
    if (any) text += line;
  }
  return text.empty() ? text : "\nthresholds (cosine; over all sets whose negatives are all wrong answers)\n" + text;
}

/// A direction's cut-offs; where there is none, the reason. Empty if the direction was not measured.
std::string cutoff_rows(const Evaluation& evaluation, const ThresholdColumns& columns, Direction direction) {
  std::string reasons;
  bool any = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const DirectionThreshold* found = find(columns, i, direction);
    if (found == nullptr) continue;
    any = any || found->cutoff.ok();
    if (!found->cutoff.ok())
      reasons += std::string("  ") + to_string(direction) + ": " + evaluation.models[i].description.name +
                 " has no cut-off: " + found->cutoff.error().message + "\n";
  }
  if (!any) return reasons;
  std::string text;
  const auto add = [&](const std::string& name, auto value) {
    text += row(evaluation, name, [&](const ModelRun&, std::size_t i) {
      const DirectionThreshold* found = find(columns, i, direction);
      return found != nullptr && found->cutoff.ok() ? value(*found) : std::string("-");
    });
  };
  using Of = const DirectionThreshold&;
  add(to_string(direction), [](Of of) { return decimal(of.cutoff->cosine, 4); });
  add("  95 % range from", [](Of of) { return decimal(of.cutoff->lowest, 4); });
  add("  95 % range to", [](Of of) { return decimal(of.cutoff->highest, 4); });
  add("  as min_score", [](Of of) { return decimal(score_of(of.cutoff->cosine), 5); });
  add("  recall there", [](Of of) { return decimal(of.cutoff->recall, 4); });
  add("  wrong pairs", [](Of of) { return std::to_string(of.cutoff->wrong_pairs); });
  return text + reasons;
}

std::string cutoff_rows(const Evaluation& evaluation, const ThresholdColumns& columns) {
  std::string text;
  for (const Direction direction : k_directions) text += cutoff_rows(evaluation, columns, direction);
  if (text.empty()) return text;
  return "\ncut-offs (cosine, the `similarity` of a knn search; at most " +
         percent_text(evaluation.false_positive_rate) + " of the wrong pairs reach it)\n" + text;
}

std::string label_rows(const Evaluation& evaluation, std::size_t number) {
  const LabelTask& task = evaluation.label_tasks[number];
  const LabelResult* any = nullptr;
  for (const ModelRun& model : evaluation.models) {
    if (any == nullptr && model.labels[number]) any = &*model.labels[number];
  }
  std::string text = "\n" + task.set.name + " (zero-shot, " + std::to_string(task.set.labels.size()) + " labels";
  if (any == nullptr) return text + "): nothing could be measured\n";
  text += ", " + std::to_string(any->pictures.size()) + " pictures" + counted(any->failed, "failed") +
          "; the most frequent label is right for " + decimal(any->most_frequent, 4) + ")\n";
  const auto cells = [&](const char* name, double LabelResult::*value) {
    text += row(evaluation, name, [&](const ModelRun& model, std::size_t) {
      const auto& result = model.labels[number];
      return result ? decimal((*result).*value, 4) : std::string("-");
    });
  };
  cells("accuracy", &LabelResult::accuracy);
  cells("mean over labels", &LabelResult::mean_of_labels);
  return text;
}

}  // namespace

std::string decimal(double number, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

bool counts_for_direction(const RetrievalSet& set) {
  return set.negatives.kind == Negatives::Kind::all;
}

std::vector<DirectionThreshold> direction_thresholds(const Evaluation& evaluation, const ModelRun& model) {
  std::vector<DirectionThreshold> thresholds;
  for (const Direction direction : k_directions) {
    JudgedPairs pairs, unanswered;
    for (std::size_t i = 0; i < evaluation.tasks.size(); ++i) {
      const RetrievalSet& set = evaluation.tasks[i].set;
      if (set.direction != direction || !counts_for_direction(set) || !model.retrieval[i]) continue;
      pairs.add(model.retrieval[i]->pairs);
      unanswered.add(model.retrieval[i]->unanswered);
    }
    if (pairs.right() + pairs.wrong() + unanswered.wrong() == 0) continue;
    auto best = pairs.best();
    unanswered.add(pairs);
    auto cutoff = unanswered.cutoff(evaluation.false_positive_rate);
    thresholds.push_back({direction, std::move(pairs), best, std::move(cutoff)});
  }
  return thresholds;
}

std::string candidate_name(const Evaluation& evaluation, const Task& task, std::uint32_t candidate) {
  const std::uint32_t input = task.candidates[candidate].input;
  return candidates_are_texts(task.set.direction) ? evaluation.inputs.texts()[input].text
                                                  : evaluation.data.pictures()[input].name;
}

bool one_right_each(const RetrievalResult& result) {
  return std::all_of(result.outcomes.begin(), result.outcomes.end(),
                     [](const QueryOutcome& outcome) { return outcome.ranking.right_total == 1; });
}

const RetrievalResult* any_result(const Evaluation& evaluation, std::size_t task) {
  for (const ModelRun& model : evaluation.models) {
    if (model.retrieval[task]) return &*model.retrieval[task];
  }
  return nullptr;
}

std::vector<const QueryOutcome*> worst_first(const std::vector<QueryOutcome>& outcomes) {
  std::vector<const QueryOutcome*> order;
  order.reserve(outcomes.size());
  for (const QueryOutcome& outcome : outcomes) order.push_back(&outcome);
  std::stable_sort(order.begin(), order.end(), [](const QueryOutcome* a, const QueryOutcome* b) {
    const double a_gain = ndcg_at(a->ranking, k_depth), b_gain = ndcg_at(b->ranking, k_depth);
    if (a_gain != b_gain) return a_gain < b_gain;
    return a->ranking.first_right_rank > b->ranking.first_right_rank;
  });
  return order;
}

std::string table_text(const Evaluation& evaluation) {
  std::string text = row(evaluation, std::to_string(evaluation.data.pictures().size()) + " pictures",
                         [](const ModelRun& model, std::size_t) { return model.description.name; });
  text += row(evaluation, "dimensions", [](const ModelRun& model, std::size_t) { return std::to_string(model.dims); });
  text += row(evaluation, "texts truncated",
              [](const ModelRun& model, std::size_t) { return std::to_string(model.truncated); });
  for (const ModelRun& model : evaluation.models) {
    if (!model.description.remark.empty())
      text += "  " + model.description.name + " is " + model.description.remark + "\n";
  }
  for (std::size_t i = 0; i < evaluation.tasks.size(); ++i) text += set_rows(evaluation, i);
  ThresholdColumns columns;
  for (const ModelRun& model : evaluation.models) columns.push_back(direction_thresholds(evaluation, model));
  text += threshold_rows(evaluation, columns) + cutoff_rows(evaluation, columns);
  for (std::size_t i = 0; i < evaluation.label_tasks.size(); ++i) text += label_rows(evaluation, i);
  return text;
}

}  // namespace sightline::eval
