// Reports kept in Elasticsearch, where a page finds them by plain searches.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "eval/report.h"
#include "ingest/cluster.h"

namespace sightline::eval {

/// The index that reports are saved in: one document for each run, model and set. docs/quality.md lists its fields.
inline constexpr const char* k_evaluations_index = "sightline-evaluations";

/// Longest name of a run, in bytes.
inline constexpr std::size_t k_longest_run_name = 256;

/// Makes the index if it is missing, and adds the fields that an older one lacks. Errors: those of the cluster, as when
/// a field is there with another type.
Status prepare_evaluations_index(ingest::Cluster& cluster);

/// What a report is saved under.
struct SavedRun {
  std::string name;
  std::string date;  ///< ISO 8601
  std::string sets;  ///< the file of sets; empty: the default ones
};

struct SavedDocument {
  std::string id;    ///< the same for the same run, model and set
  std::string body;  ///< JSON
};
/// What is saved: a document for each model and set that the model could be measured on.
std::vector<SavedDocument> saved_documents(const Evaluation& evaluation, const SavedRun& run);

/// Saves a report. Documents of an earlier run of that name are replaced, those that this run does not have are
/// removed, in one bulk. Errors: those of the cluster, or of a document that it refuses.
Status save_evaluation(ingest::Cluster& cluster, const Evaluation& evaluation, const SavedRun& run);

}  // namespace sightline::eval
