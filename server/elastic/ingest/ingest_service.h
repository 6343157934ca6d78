// Runs pipelines on many documents at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/elastic/definitions.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/ingest/pipeline.h"

namespace sightline::elastic {

/// One document and what is to be done with it.
struct IngestTask {
  IngestDocument* document = nullptr;
  std::string pipeline_id;
  std::shared_ptr<const Pipeline> pipeline = {};  ///< found by `pipeline_id` if it is null
  Refusal failure = {};                           ///< why the document failed
};

/// Thread safety: all members may be called from any thread.
class IngestService {
 public:
  IngestService(Definitions& definitions, InferenceExecutor& executor)
      : definitions_(definitions), executor_(executor) {}

  /// Runs every task and waits for the last. All are started before any is waited for, so their inference
  /// calls are in flight together. A pipeline or an endpoint that does not exist fails the documents that
  /// need it, and no others.
  void run(const Caller& caller, std::vector<IngestTask>& tasks);

 private:
  Definitions& definitions_;
  InferenceExecutor& executor_;
};

/// 404 "[id] is not an inference service model or a deployed ml model".
ElasticError unknown_model(const std::string& id);

}  // namespace sightline::elastic
