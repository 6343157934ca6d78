// Runs pipelines on many documents at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/elastic/inference/endpoints.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/limits.h"
#include "server/elastic/pipelines/cluster_processors.h"
#include "server/elastic/pipelines/pipeline.h"
#include "server/elastic/pipelines/step_pool.h"
#include "server/elastic/pipelines/stored_pipelines.h"

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
  IngestService(StoredPipelines& pipelines, Endpoints& endpoints, InferenceExecutor& executor, Store& store,
                NativeInference& native, const Limits& limits = {})
      : pipelines_(pipelines),
        endpoints_(endpoints),
        executor_(executor),
        cluster_(store, native),
        max_steps_(limits.max_pipeline_steps),
        bounds_{limits.max_pipeline_document_bytes,
                std::make_shared<http::BufferBudget>(limits.max_pipeline_growth_bytes)} {}

  /// Runs every task and waits for the last. All are started before any is waited for, so their inference
  /// calls are in flight together; steps that wait on the cluster take turns on a few threads. A pipeline or
  /// an endpoint that does not exist fails the documents that need it, and no others. A pipeline that is not
  /// kept here but by the cluster runs there.
  void run(const Caller& caller, std::vector<IngestTask>& tasks);

  /// True if the model of an `inference` processor is not the cluster's business.
  Answer<bool> runs_model(const Caller& caller, const std::string& model_id);

  ClusterProcessors& cluster() { return cluster_; }

  /// Fails all steps that wait for the cluster's turn, and every later one. For stopping the server.
  void shut_down() { pool_.shut_down(); }

 private:
  class Host;

  static constexpr std::size_t k_threads = 16;
  StoredPipelines& pipelines_;
  Endpoints& endpoints_;
  InferenceExecutor& executor_;
  ClusterProcessors cluster_;
  const std::size_t max_steps_;
  const DocumentBounds bounds_;
  StepPool pool_{k_threads};
};

/// 404 "[id] is not an inference service model or a deployed ml model".
ElasticError unknown_model(const std::string& id);

}  // namespace sightline::elastic
