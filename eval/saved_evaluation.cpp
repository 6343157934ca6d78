#include "eval/saved_evaluation.h"

#include <algorithm>
#include <set>

#include "base/json/builder.h"
#include "base/sha256.h"
#include "eval/threshold_json.h"

namespace sightline::eval {
namespace {

/// Lucene would refuse longer keywords (32,766 bytes). A longer one is stored, but not searchable.
constexpr const char* k_keyword = R"({"type":"keyword","ignore_above":8191})";
constexpr const char* k_double = R"({"type":"double"})";

void add_fields(json::Builder& out, const std::vector<std::string>& names, std::string_view type) {
  for (const std::string& name : names) out.member(name, json::Raw{type});
}

std::string strict_object(const std::vector<std::string>& doubles, const std::vector<std::string>& longs = {}) {
  json::Builder object;
  object.object().member("type", "object").member("dynamic", "strict").object("properties");
  add_fields(object, doubles, k_double);
  add_fields(object, longs, R"({"type":"long"})");
  return object.text();
}

/// Uses only what the embedded store supports too.
std::string properties() {
  std::vector<std::string> metrics;
  for (const Measure& measure : measures()) metrics.emplace_back(measure.name);
  metrics.insert(metrics.end(), {"accuracy", "mean_of_labels", "most_frequent_label"});
  const std::string threshold =
      strict_object({"cosine", "score", "precision", "recall", "f1"}, {"right_pairs", "wrong_pairs"});
  json::Builder fields;
  fields.object();
  add_fields(fields, {"run", "table", "sets", "set", "about", "direction", "model", "model_fingerprint"}, k_keyword);
  add_fields(fields, {"date"}, R"({"type":"date"})");
  add_fields(fields,
             {"dims", "pictures", "left_out_pictures", "left_out_texts", "queries", "failed", "without_right",
              "without_wrong", "not_asked"},
             R"({"type":"integer"})");
  add_fields(fields, {"mean_right", "mean_candidates"}, k_double);
  add_fields(fields, {"metrics"}, strict_object(metrics));
  add_fields(fields, {"threshold", "direction_threshold"}, threshold);
  add_fields(fields, {"direction_cutoff"},
             strict_object({"cosine", "score", "lowest", "highest", "chosen_rate", "false_positive_rate", "recall"},
                           {"wrong_pairs"}));
  add_fields(fields, {"worst"}, R"({"type":"object","enabled":false})");
  return fields.text();
}

void write_threshold_if_any(json::Writer& writer, const char* name, const JudgedPairs& pairs,
                            const std::optional<Threshold>& best) {
  if (!best) return;
  writer.Key(name);
  write_threshold(writer, pairs, *best);
}

/// Writes the members that all documents have.
void write_run(json::Writer& writer, const Evaluation& evaluation, const SavedRun& run, const ModelRun& model,
               const std::string& set, const std::string& about, const char* direction) {
  member(writer, "run", run.name);
  member(writer, "date", run.date);
  member(writer, "table", evaluation.table);
  if (!run.sets.empty()) member(writer, "sets", run.sets);
  member(writer, "set", set);
  if (!about.empty()) member(writer, "about", about);
  member(writer, "direction", std::string(direction));
  member(writer, "model", model.description.name);
  if (!model.description.fingerprint.empty()) member(writer, "model_fingerprint", model.description.fingerprint);
  member(writer, "dims", std::uint64_t{model.dims});
  member(writer, "pictures", std::uint64_t{evaluation.data.pictures().size()});
  member(writer, "left_out_pictures", std::uint64_t{evaluation.left_out_pictures});
  member(writer, "left_out_texts", std::uint64_t{evaluation.left_out_texts});
}

void write_worst(json::Writer& writer, const Evaluation& evaluation, const Task& task, const RetrievalResult& result) {
  writer.Key("worst");
  writer.StartArray();
  const auto order = worst_first(result.outcomes);
  for (std::size_t i = 0; i < std::min(k_listed_worst, order.size()); ++i) {
    const QueryOutcome& outcome = *order[i];
    writer.StartObject();
    member(writer, "query", task.queries[outcome.query].words);
    member(writer, "nDCG@10", ndcg_at(outcome.ranking, k_depth));
    member(writer, "first_right_rank", std::uint64_t{outcome.ranking.first_right_rank});
    member(writer, "right", std::uint64_t{outcome.ranking.right_total});
    member(writer, "candidates", std::uint64_t{outcome.candidates});
    writer.Key("found");
    writer.StartArray();
    for (const Hit& hit : outcome.best) {
      writer.StartObject();
      member(writer, "name", candidate_name(evaluation, task, hit.candidate));
      member(writer, "cosine", static_cast<double>(hit.score));
      writer.Key("right");
      writer.Bool(hit.right);
      writer.EndObject();
    }
    writer.EndArray();
    writer.Key("expected");
    writer.StartArray();
    for (const std::uint32_t right : outcome.expected) writer.String(candidate_name(evaluation, task, right));
    writer.EndArray();
    writer.EndObject();
  }
  writer.EndArray();
}

void write_retrieval(json::Writer& writer, const Evaluation& evaluation, const ModelRun& model, const Task& task,
                     const RetrievalResult& result) {
  member(writer, "queries", std::uint64_t{result.outcomes.size()});
  member(writer, "failed", std::uint64_t{result.failed});
  member(writer, "without_right", std::uint64_t{result.without_right});
  member(writer, "without_wrong", std::uint64_t{result.without_wrong});
  member(writer, "not_asked", std::uint64_t{task.not_asked});
  member(writer, "mean_right", result.mean_right);
  member(writer, "mean_candidates", result.mean_candidates);
  writer.Key("metrics");
  writer.StartObject();
  for (std::size_t i = 0; i < result.means.size(); ++i) member(writer, measures()[i].name, result.means[i]);
  writer.EndObject();
  write_threshold_if_any(writer, "threshold", result.pairs, result.pairs.best());
  for (const DirectionThreshold& of : direction_thresholds(evaluation, model)) {
    if (of.direction != task.set.direction) continue;
    write_threshold_if_any(writer, "direction_threshold", of.pairs, of.best);
    if (!of.cutoff.ok()) continue;
    writer.Key("direction_cutoff");
    write_cutoff(writer, evaluation.false_positive_rate, *of.cutoff);
  }
  write_worst(writer, evaluation, task, result);
}

/// For a label set, the worst are the first pictures with a wrong label.
void write_labels(json::Writer& writer, const Evaluation& evaluation, const LabelTask& task,
                  const LabelResult& result) {
  member(writer, "queries", std::uint64_t{result.pictures.size()});
  member(writer, "failed", std::uint64_t{result.failed});
  writer.Key("metrics");
  writer.StartObject();
  member(writer, "accuracy", result.accuracy);
  member(writer, "mean_of_labels", result.mean_of_labels);
  member(writer, "most_frequent_label", result.most_frequent);
  writer.EndObject();
  writer.Key("worst");
  writer.StartArray();
  std::size_t listed = 0;
  for (const Labelled& one : result.pictures) {
    if (one.truth == one.taken_for || listed++ >= k_listed_worst) continue;
    writer.StartObject();
    member(writer, "query", evaluation.data.pictures()[one.picture].name);
    member(writer, "expected", task.set.labels[one.truth].second);
    member(writer, "found", task.set.labels[one.taken_for].second);
    writer.EndObject();
  }
  writer.EndArray();
}

/// Different runs, models, directions and sets have different ids: each name is preceded by its length.
std::string id_of(const SavedRun& run, const ModelRun& model, const char* direction, const std::string& set) {
  Sha256 hash;
  for (const std::string& part : {run.name, model.description.name, std::string(direction), set})
    hash.update(std::to_string(part.size()) + ":" + part);
  return hash.finish_hex();
}

/// A line of a _bulk body.
void append_action(std::string& body, const char* action, const std::string& id) {
  body += json::Builder().object().object(action).member("_id", id).text() + "\n";
}

}  // namespace

Status prepare_evaluations_index(ingest::Cluster& cluster) {
  const auto state = cluster.index_state(k_evaluations_index);
  if (!state.ok()) return state.error();
  if (state->exists) return cluster.add_to_mapping(k_evaluations_index, properties());
  json::Builder index;
  index.object().object("settings").object("index");
  index.member("number_of_shards", 1).member("auto_expand_replicas", "0-1").end().end();
  index.object("mappings").member("dynamic", "strict").member("properties", json::Raw{properties()});
  return cluster.create_index(k_evaluations_index, index.text());
}

std::vector<SavedDocument> saved_documents(const Evaluation& evaluation, const SavedRun& run) {
  std::vector<SavedDocument> documents;
  const auto add = [&](const ModelRun& model, const auto& set, const char* direction, auto write) {
    rapidjson::StringBuffer buffer;
    json::Writer writer(buffer);
    writer.StartObject();
    write_run(writer, evaluation, run, model, set.name, set.about, direction);
    write(writer);
    writer.EndObject();
    documents.push_back({id_of(run, model, direction, set.name), {buffer.GetString(), buffer.GetSize()}});
  };
  for (const ModelRun& model : evaluation.models) {
    for (std::size_t i = 0; i < evaluation.tasks.size(); ++i) {
      const Task& task = evaluation.tasks[i];
      if (!model.retrieval[i]) continue;
      add(model, task.set, to_string(task.set.direction),
          [&](json::Writer& writer) { write_retrieval(writer, evaluation, model, task, *model.retrieval[i]); });
    }
    for (std::size_t i = 0; i < evaluation.label_tasks.size(); ++i) {
      const LabelTask& task = evaluation.label_tasks[i];
      if (!model.labels[i]) continue;
      add(model, task.set, "zero-shot",
          [&](json::Writer& writer) { write_labels(writer, evaluation, task, *model.labels[i]); });
    }
  }
  return documents;
}

Status save_evaluation(ingest::Cluster& cluster, const Evaluation& evaluation, const SavedRun& run) {
  const std::vector<SavedDocument> documents = saved_documents(evaluation, run);
  // The documents of an earlier run must be visible to the search below.
  if (Status refreshed = cluster.refresh(k_evaluations_index); !refreshed.ok()) return refreshed;
  const auto stored = cluster.find_ids(k_evaluations_index, "run", run.name);
  if (!stored.ok()) return stored.error();
  std::set<std::string> stale(stored->begin(), stored->end());
  std::string body;
  std::vector<std::string> ids;
  for (const SavedDocument& document : documents) {
    stale.erase(document.id);
    append_action(body, "index", document.id);
    body += document.body + "\n";
    ids.push_back(document.id);
  }
  for (const std::string& id : stale) append_action(body, "delete", id);
  ids.insert(ids.end(), stale.begin(), stale.end());
  if (ids.empty()) return {};
  const auto answer = cluster.bulk(k_evaluations_index, std::move(body), ids);
  if (!answer.ok()) return answer.error();
  for (const ingest::BulkOutcome& outcome : *answer) {
    // A delete is also done if another program has already removed the document.
    if (outcome.kind != ingest::BulkOutcome::Kind::stored && outcome.status != 404)
      return Error{ErrorCode::unavailable, "index " + std::string(k_evaluations_index) + " refused a document (" +
                                               std::to_string(outcome.status) + "): " + outcome.reason};
  }
  return cluster.refresh(k_evaluations_index);
}

}  // namespace sightline::eval
