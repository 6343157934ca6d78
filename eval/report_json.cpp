#include <algorithm>

#include "base/json/writer.h"
#include "eval/report.h"
#include "eval/threshold_json.h"

namespace sightline::eval {
namespace {

using Writer = json::PrettyWriter;

void write_threshold_or_null(Writer& writer, const JudgedPairs& pairs, const std::optional<Threshold>& best) {
  best ? write_threshold(writer, pairs, *best) : static_cast<void>(writer.Null());
}

void write_model(Writer& writer, const Evaluation& evaluation, const ModelRun& model) {
  writer.StartObject();
  member(writer, "name", model.description.name);
  member(writer, "fingerprint", model.description.fingerprint);
  member(writer, "dims", model.dims);
  member(writer, "texts_cut_to_length", model.truncated);
  writer.Key("details");
  writer.StartArray();
  for (const std::string& line : model.description.details) writer.String(line);
  writer.EndArray();
  writer.Key("failures");
  writer.StartArray();
  for (const ModelRun::Failure& failure : model.failures) {
    writer.StartObject();
    member(writer, "input", failure.input);
    member(writer, "reason", failure.reason);
    writer.EndObject();
  }
  writer.EndArray();
  const auto directions = direction_thresholds(evaluation, model);
  writer.Key("thresholds");
  writer.StartObject();
  for (const DirectionThreshold& threshold : directions) {
    writer.Key(to_string(threshold.direction));
    write_threshold_or_null(writer, threshold.pairs, threshold.best);
  }
  writer.EndObject();
  writer.Key("cutoffs");
  writer.StartObject();
  for (const DirectionThreshold& of : directions) {
    writer.Key(to_string(of.direction));
    of.cutoff.ok() ? write_cutoff(writer, evaluation.false_positive_rate, *of.cutoff)
                   : static_cast<void>(writer.Null());
  }
  writer.EndObject();
  writer.EndObject();
}

void write_names(Writer& writer, const char* key, const std::vector<std::string>& names) {
  writer.Key(key);
  writer.StartArray();
  for (const std::string& name : names) writer.String(name);
  writer.EndArray();
}

/// The worst queries, with what they found and what they should have found.
void write_worst(Writer& writer, const Evaluation& evaluation, const Task& task, const RetrievalResult& result) {
  writer.Key("worst");
  writer.StartArray();
  const auto order = worst_first(result.outcomes);
  for (std::size_t i = 0; i < std::min(k_listed_worst, order.size()); ++i) {
    std::vector<std::string> found, expected;
    for (const Hit& hit : order[i]->best) found.push_back(candidate_name(evaluation, task, hit.candidate));
    for (const std::uint32_t right : order[i]->expected) expected.push_back(candidate_name(evaluation, task, right));
    writer.StartObject();
    member(writer, "query", task.queries[order[i]->query].words);
    member(writer, "nDCG@10", ndcg_at(order[i]->ranking, k_depth));
    member(writer, "first_right_rank", order[i]->ranking.first_right_rank);
    member(writer, "right", order[i]->ranking.right_total);
    write_names(writer, "found", found);
    write_names(writer, "expected", expected);
    writer.EndObject();
  }
  writer.EndArray();
}

void write_result(Writer& writer, const Evaluation& evaluation, const Task& task, const RetrievalResult& result) {
  writer.StartObject();
  writer.Key("means");
  writer.StartObject();
  for (std::size_t i = 0; i < result.means.size(); ++i) member(writer, measures()[i].name, result.means[i]);
  writer.EndObject();
  writer.Key("threshold");
  write_threshold_or_null(writer, result.pairs, result.pairs.best());
  write_worst(writer, evaluation, task, result);
  writer.Key("queries");
  writer.StartArray();
  for (const QueryOutcome& outcome : result.outcomes) {
    writer.StartObject();
    member(writer, "query", task.queries[outcome.query].words);
    member(writer, "first_right_rank", outcome.ranking.first_right_rank);
    member(writer, "nDCG@10", ndcg_at(outcome.ranking, k_depth));
    member(writer, "right", outcome.ranking.right_total);
    member(writer, "candidates", outcome.candidates);
    writer.Key("best");
    writer.StartArray();
    for (const Hit& hit : outcome.best) {
      writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
      writer.StartArray();
      writer.String(candidate_name(evaluation, task, hit.candidate));
      writer.Double(std::stod(decimal(static_cast<double>(hit.score), 6)));
      writer.Bool(hit.right);
      writer.EndArray();
      writer.SetFormatOptions(rapidjson::kFormatDefault);
    }
    writer.EndArray();
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
}

void write_set(Writer& writer, const Evaluation& evaluation, std::size_t number) {
  const Task& task = evaluation.tasks[number];
  writer.StartObject();
  member(writer, "name", task.set.name);
  member(writer, "about", task.set.about);
  member(writer, "direction", std::string(to_string(task.set.direction)));
  if (const RetrievalResult* any = any_result(evaluation, number)) {
    member(writer, "queries", any->outcomes.size());
    member(writer, "failed", any->failed);
    member(writer, "without_right", any->without_right);
    member(writer, "without_wrong", any->without_wrong);
    member(writer, "not_asked", task.not_asked);
    member(writer, "mean_right", any->mean_right);
    member(writer, "mean_candidates", any->mean_candidates);
  }
  writer.Key("models");
  writer.StartObject();
  for (const ModelRun& model : evaluation.models) {
    writer.Key(model.description.name);
    const auto& result = model.retrieval[number];
    result ? write_result(writer, evaluation, task, *result) : void(writer.Null());
  }
  writer.EndObject();
  writer.EndObject();
}

void write_labels(Writer& writer, const Evaluation& evaluation, std::size_t number) {
  const LabelTask& task = evaluation.label_tasks[number];
  writer.StartObject();
  member(writer, "name", task.set.name);
  member(writer, "about", task.set.about);
  writer.Key("models");
  writer.StartObject();
  for (const ModelRun& model : evaluation.models) {
    writer.Key(model.description.name);
    const auto& result = model.labels[number];
    if (!result) {
      writer.Null();
      continue;
    }
    writer.StartObject();
    member(writer, "pictures", result->pictures.size());
    member(writer, "failed", result->failed);
    member(writer, "accuracy", result->accuracy);
    member(writer, "mean_of_labels", result->mean_of_labels);
    member(writer, "most_frequent_label", result->most_frequent);
    writer.Key("labels");
    writer.StartObject();
    for (std::size_t label = 0; label < task.set.labels.size(); ++label) {
      writer.Key(task.set.labels[label].second);
      writer.StartObject();
      member(writer, "right", result->by_label[label].first);
      member(writer, "pictures", result->by_label[label].second);
      writer.EndObject();
    }
    writer.EndObject();
    writer.EndObject();
  }
  writer.EndObject();
  writer.EndObject();
}

}  // namespace

const std::string_view k_json_beginning = "{\n \"table\": \"";

std::string json_text(const Evaluation& evaluation) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 1);
  writer.StartObject();
  member(writer, "table", evaluation.table);
  member(writer, "pictures", evaluation.data.pictures().size());
  member(writer, "left_out_pictures", evaluation.left_out_pictures);
  member(writer, "left_out_texts", evaluation.left_out_texts);
  writer.Key("models");
  writer.StartArray();
  for (const ModelRun& model : evaluation.models) write_model(writer, evaluation, model);
  writer.EndArray();
  writer.Key("sets");
  writer.StartArray();
  for (std::size_t i = 0; i < evaluation.tasks.size(); ++i) write_set(writer, evaluation, i);
  writer.EndArray();
  writer.Key("zero_shot");
  writer.StartArray();
  for (std::size_t i = 0; i < evaluation.label_tasks.size(); ++i) write_labels(writer, evaluation, i);
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace sightline::eval
