// Ingest pipelines: reading them, and running them on documents.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/embedding_answer.h"
#include "server/elastic/ingest/ingest_document.h"
#include "server/elastic/ingest/processor.h"

namespace sightline::elastic {

struct Pipeline {
  std::string id;
  std::vector<Processor> processors;
  std::vector<Processor> on_failure;
  rapidjson::Document config;  ///< what the processors' values point into

  /// Reads `{"description","processors":[...],"on_failure":[...],"version","_meta"}`. Errors: as
  /// Elasticsearch words them.
  static Answer<std::shared_ptr<const Pipeline>> parse(std::string id, rapidjson::Document config);

  /// Endpoint ids of all inference processors, those in on_failure lists too; each once.
  std::vector<std::string> model_ids() const;
};

/// Embeds the texts with the endpoint of that id and calls back, at once or later, from any thread. The texts
/// stay until then.
using InferenceCall = std::function<void(const std::string& model_id, std::vector<std::string_view> texts,
                                         std::function<void(Answer<Embeddings>)>)>;

/// Runs one pipeline on one document and calls `done` with what made it fail, or nothing.
///
/// A failing processor is skipped if it has `ignore_failure`, or its `on_failure` list runs in its place;
/// else the pipeline's `on_failure` list runs in place of the rest; else the document fails. Lists see
/// `_ingest.on_failure_message`,
/// `_ingest.on_failure_processor_type` and `_ingest.on_failure_processor_tag`.
/// Inference is asynchronous: the run goes on where its answer arrives, so many documents are on their way at
/// once without a thread each. `document` must stay until `done`, which is called once, perhaps before this
/// returns.
void run_pipeline(std::shared_ptr<const Pipeline> pipeline, IngestDocument& document, InferenceCall infer,
                  std::function<void(Refusal)> done);

}  // namespace sightline::elastic
