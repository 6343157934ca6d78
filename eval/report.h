// The results, for a terminal, for programs and for a browser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/embedding_client.h"
#include "eval/evaluation.h"

namespace sightline::eval {

/// One model's column.
struct ModelRun {
  ModelDescription description;
  std::size_t dims = 0;
  std::size_t truncated = 0;  ///< texts truncated to the model's limit
  struct Failure {
    std::string input;  ///< a picture's name or a text
    std::string reason;
  };
  std::vector<Failure> failures;
  std::vector<std::optional<RetrievalResult>> retrieval;  ///< by task; nullopt: the model does not support its inputs
  std::vector<std::optional<LabelResult>> labels;         ///< by label task
};

struct Evaluation {
  std::string table;  ///< the file
  Dataset data;
  Inputs inputs;
  std::vector<Task> tasks;
  std::vector<LabelTask> label_tasks;
  std::vector<ModelRun> models;
  std::size_t left_out_pictures = 0, left_out_texts = 0;  ///< because a model failed for them
  double false_positive_rate = k_default_rate;            ///< of the cut-offs
};

/// True if the set's pairs count for its direction's threshold and cut-off: all wrong answers are negatives. Hard or
/// easy negatives alone would change both.
bool counts_for_direction(const RetrievalSet& set);

/// A direction's threshold and cut-off for one model.
struct DirectionThreshold {
  Direction direction = Direction::text_to_image;
  JudgedPairs pairs;              ///< of queries with a right answer
  std::optional<Threshold> best;  ///< nullopt: too few pairs
  Result<Cutoff> cutoff;          ///< of the evaluation's false-positive rate
};
/// For each measured direction, in the order of `Direction`: the threshold and the cut-off over all its sets that count
/// for it. A pair that is in several sets counts once per set. The pairs of queries without a right answer count only
/// for the cut-off.
std::vector<DirectionThreshold> direction_thresholds(const Evaluation& evaluation, const ModelRun& model);

/// A table: one line per measure, one column per model.
std::string table_text(const Evaluation& evaluation);

/// What every report for programs, and every one for a browser, begins with.
extern const std::string_view k_json_beginning, k_html_beginning;

/// All results, including each query's rank and best hits. The same input gives the same bytes.
std::string json_text(const Evaluation& evaluation);

struct HtmlOptions {
  std::filesystem::path folder;                ///< of the report: links to pictures are relative to it
  std::size_t examples = 3;                    ///< best, and worst, queries shown for each set and model
  std::size_t max_embedded_bytes = 64u << 10;  ///< a larger picture file is linked, not put into the page
};
/// One page without scripts. It contains everything except large pictures, which it links.
std::string html_text(const Evaluation& evaluation, const HtmlOptions& options);

/// Worst first: by nDCG@10, then by the first right answer's rank, then by number. `outcomes` stays in order.
std::vector<const QueryOutcome*> worst_first(const std::vector<QueryOutcome>& outcomes);

/// Number of the worst queries that reports for programs list per set and model.
inline constexpr std::size_t k_listed_worst = 10;

/// A candidate's name for a reader: the picture's, or the text itself.
std::string candidate_name(const Evaluation& evaluation, const Task& task, std::uint32_t candidate);

/// The result of the first model that has one; null: no model has one.
const RetrievalResult* any_result(const Evaluation& evaluation, std::size_t task);

/// True if every measured query has one right answer: then recall@k and hit@k are the same.
bool one_right_each(const RetrievalResult& result);

/// The number with that many decimals: "0.1234".
std::string decimal(double number, int decimals);

}  // namespace sightline::eval
