// Ingest pipelines: reading them, and running them on documents.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/inference/embedding_answer.h"
#include "server/elastic/limits.h"
#include "server/elastic/pipelines/cluster_processors.h"
#include "server/elastic/pipelines/ingest_document.h"
#include "server/elastic/pipelines/processor.h"

namespace sightline::elastic {

constexpr std::size_t k_most_processors = 10'000;  ///< of one pipeline, those in lists too
constexpr std::size_t k_most_nested = 100;     ///< pipelines in each other; as Elasticsearch's es.ingest.max_pipelines
constexpr std::size_t k_deepest_rescue = 100;  ///< `on_failure` lists, each in a processor of the other

struct Pipeline {
  std::string id;
  bool guarded = false;  ///< the cluster has a stand-in that knows documents which ran through it: PipelineStubs
  std::vector<Processor> processors;
  std::vector<Processor> on_failure;
  std::string access_pattern;  ///< `field_access_pattern`; empty: none, which is "classic"
  rapidjson::Document config;  ///< what the processors' values point into

  /// Reads `{"description","processors":[...],"on_failure":[...],"version","_meta"}`, as PropertyReader.
  /// Errors: as Elasticsearch words them. Processors that are not known here, or are wrong, are no error: see
  /// `refusal_without_cluster`.
  static Answer<std::shared_ptr<const Pipeline>> parse(std::string id, rapidjson::Document config,
                                                       bool guarded = false);

  /// Why it cannot run where there is no cluster: the first processor that is none of ours.
  Refusal refusal_without_cluster() const;
  /// 400 for one whose fields are looked up in another way than the classic one.
  Refusal refusal_of_access() const;
  /// 400 for one with more than `k_most_processors`, or whose `on_failure` lists lie deeper in each other
  /// than `k_deepest_rescue`.
  Refusal refusal_of_size() const;
  void visit(const std::function<void(const Processor&)>& visit) const;
  /// Endpoint ids of all inference processors, those in on_failure lists too; each once.
  std::vector<std::string> model_ids() const;
  /// Names in `pipeline` processors, but for those that depend on the document; each once.
  std::vector<std::string> pipeline_names() const;
};

/// What a run asks of its surroundings. Callbacks are called once, at once or later, from any thread; they do
/// not throw. A member that throws has released its callback. A callback for which memory or a thread runs out later is
/// released, too, and not called.
class PipelineHost {
 public:
  virtual ~PipelineHost() = default;

  /// Runs `work`, which does not throw, where the document's steps are to run: not on the thread that an
  /// answer came on, since many requests wait for that one. If this throws, `work` is not run.
  virtual void go_on(std::function<void()> work) { std::exchange(work, nullptr)(); }

  /// Processors that one document may run through.
  virtual std::size_t max_steps() const { return Limits().max_pipeline_steps; }

  /// Embeds the texts with the endpoint of that id. The texts stay until the answer.
  virtual void infer(const std::string& model_id, std::vector<std::string_view> texts,
                     std::function<void(Answer<Embeddings>)> answer) = 0;

  /// The pipeline kept here under that name: null if there is none; nothing if it has to be looked up first.
  virtual std::optional<Answer<std::shared_ptr<const Pipeline>>> pipeline(const std::string& name) = 0;
  virtual void look_up_pipeline(const std::string& name, std::function<void()> found) = 0;

  /// True if a cluster stands behind, which runs what this server does not. The rest is asked only then.
  virtual bool has_cluster() const = 0;
  /// True if the model is the cluster's.
  virtual bool leaves_model(const std::string& model_id) = 0;
  /// As ClusterProcessors::run and ::holds.
  virtual void run_in_cluster(std::string processors, IngestDocument& document, bool trace,
                              std::function<void(std::optional<IngestFailure>)> done) = 0;
  virtual void evaluate(const std::string& condition, const IngestDocument& document,
                        std::function<void(Answer<bool>)> done) = 0;
};

/// Runs one pipeline on one document and calls `done` with what made it fail, or nothing.
///
/// A failing processor is skipped if it has `ignore_failure`, or its `on_failure` list runs in its place;
/// else the pipeline's `on_failure` list runs in place of the rest; else the document fails. Lists see
/// `_ingest.on_failure_message`, `_ingest.on_failure_processor_type`, `_ingest.on_failure_processor_tag` and
/// `_ingest.on_failure_pipeline`. Consecutive processors that are the cluster's go there together, with their
/// own `if`, `ignore_failure` and `on_failure`; the `if` of a processor that runs here is evaluated there.
/// Inference and the cluster are asynchronous: the run goes on (PipelineHost::go_on) when their answers have
/// arrived, so many documents are on their way at once without a thread each. Steps run in a loop: no
/// pipeline is too long for the stack. A document that takes more than `max_steps` fails, whatever would come
/// to its rescue. `document` must stay until `done` is called, which happens once,
/// perhaps before this returns; where a fault (no memory) keeps it from being called, it is let go of.
void run_pipeline(std::shared_ptr<const Pipeline> pipeline, IngestDocument& document,
                  std::shared_ptr<PipelineHost> host, std::function<void(Refusal)> done);

}  // namespace sightline::elastic
