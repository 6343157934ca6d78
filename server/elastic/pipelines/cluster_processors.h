// What the cluster behind the front does of a pipeline.
#pragma once

#include <optional>
#include <string>

#include "server/elastic/caller.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/native_inference.h"
#include "server/elastic/pipelines/ingest_document.h"
#include "server/elastic/pipelines/sent_document.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// What failed in a pipeline, and where: the innermost processor is the one that is told.
struct IngestFailure {
  ElasticError error;
  std::string type, tag;  ///< of the processor
  std::string pipeline;   ///< that it stands in
};

/// A cluster's own processors, run through `POST /_ingest/pipeline/_simulate` on one document at a time, as
/// the caller: it writes nothing, and every Elasticsearch has it.
///
/// What processors have set below `_ingest` goes there with the document, and comes back. What is not as in a pipeline
/// that the cluster runs as a whole: its processors see `_ingest.pipeline` as
/// "_simulate_pipeline", and a timestamp a moment later, unless they name them in a template; a document
/// without an id has "_id" as its id there; one whose version or dynamic templates they set fails. Numbers come back as
/// the document wrote them, but see SentDocument. Thread safety: all members may be called from any thread; they block.
class ClusterProcessors {
 public:
  ClusterProcessors(Store& store, NativeInference& native) : store_(store), native_(native) {}

  /// False if the store runs no processors; then nothing else is to be asked.
  bool exist() const { return store_.runs_pipelines(); }

  /// True if `inference` processors, too, are the cluster's, but for endpoints that are kept here.
  bool run_inference(const Caller& caller) { return native_.available(caller); }
  /// A model that is deployed there needs no inference API.
  Answer<bool> know_model(const Caller& caller, const std::string& id) { return native_.knows(caller, id); }

  /// Runs `processors` (a JSON list, not empty) on the document and takes over what has become of it. With `trace`, a
  /// failure tells its processor, and leaves the document as that processor found it; without, as it was.
  std::optional<IngestFailure> run(const Caller& caller, const std::string& processors, IngestDocument& document,
                                   bool trace);

  /// True if the script `condition` (JSON of an `if`) holds for the document.
  Answer<bool> holds(const Caller& caller, const std::string& condition, const IngestDocument& document);

  /// The cluster's answer if it would not store a pipeline of these processors.
  std::optional<http::Response> refusal(const Caller& caller, const std::string& processors);

 private:
  http::Response simulate(const Caller& caller, const std::string& processors, const std::string& document,
                          const char* query = "");
  std::optional<IngestFailure> trace_failure(const Caller& caller, const std::string& processors,
                                             IngestDocument& document, const SentDocument& sent, IngestFailure failure);

  Store& store_;
  NativeInference& native_;
};

}  // namespace sightline::elastic
