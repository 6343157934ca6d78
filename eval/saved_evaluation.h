// Saves reports in Elasticsearch, where a page finds them by plain searches.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "eval/report.h"
#include "ingest/cluster.h"

namespace sightline::eval {

/// The index of saved reports: one document per run, model and set. docs/quality.md lists its fields.
inline constexpr const char* k_evaluations_index = "sightline-evaluations";

/// Longest name of a run, in bytes.
inline constexpr std::size_t k_longest_run_name = 256;

/// Creates the index if it is missing, and adds fields that an older index does not have. Errors: those of the cluster,
/// for example if a field exists with another type.
Status prepare_evaluations_index(ingest::Cluster& cluster);

/// The identity of a saved report.
struct SavedRun {
  std::string name;
  std::string date;  ///< ISO 8601
  std::string sets;  ///< the file of sets; empty: the default ones
};

struct SavedDocument {
  std::string id;    ///< the same for the same run, model and set
  std::string body;  ///< JSON
};
/// The documents to save: one per model and set on which the model could be measured.
std::vector<SavedDocument> saved_documents(const Evaluation& evaluation, const SavedRun& run);

/// Saves a report in one bulk: replaces documents of an earlier run of that name, and removes those that this run does
/// not have. Errors: those of the cluster, or of a document that it refuses.
Status save_evaluation(ingest::Cluster& cluster, const Evaluation& evaluation, const SavedRun& run);

}  // namespace sightline::eval
