// Documents that go through pipelines before they are written.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/pipelines/ingest_service.h"
#include "server/elastic/pipelines/pipeline_stubs.h"
#include "server/elastic/pipelines/stored_pipelines.h"
#include "server/elastic/store.h"
#include "server/elastic/writes/index_pipelines.h"

namespace sightline::elastic {

/// The pipelines of one write that are run here, in this order, before the store gets it with the pipeline
/// `_none`. None of both: the store gets the write as it came.
struct WritePlan {
  std::string first, last;    ///< empty: none
  bool last_guarded = false;  ///< the cluster runs a guard of that name, which takes the mark off
  bool here() const { return !first.empty() || !last.empty(); }
};

/// Decides for the writes of one request which pipelines run here, and asks each thing once.
///
/// A pipeline that the front keeps is run here; so is the first one, whoever keeps it, if the final one is
/// kept here, since it comes before. What is left is the cluster's own and stays in the request. Before a
/// store that runs no pipelines all of them are run here. Thread safety: none; one thread at a time.
class WritePlanner {
 public:
  WritePlanner(Store& store, StoredPipelines& kept, PipelineStubs& stubs, IndexPipelines& pipelines, Caller caller)
      : store_(store), kept_(kept), stubs_(stubs), pipelines_(pipelines), caller_(std::move(caller)) {}

  /// `given` is the pipeline that the write names; without one the index's default_pipeline counts. Errors:
  /// those of asking the store. The answer stays good as long as the planner.
  const Answer<WritePlan>& plan(const std::string& index, const std::optional<std::string>& given);
  /// Plans the final pipeline anew, for a document that its first one has sent to that index.
  Refusal plan_last(const std::string& index, WritePlan& plan);
  /// What the index's settings say, and the index that a write to the name goes to.
  Answer<IndexPipelines::Names> names(const std::string& index) { return pipelines_.of(caller_, index); }
  /// True if a pipeline of that name is run here. False for none at all.
  Answer<bool> runs_here(const std::string& pipeline);
  const Caller& caller() const { return caller_; }
  /// The embedded store has none.
  bool store_has_routing() const { return store_.runs_pipelines(); }

 private:
  using Key = std::pair<std::string, std::optional<std::string>>;
  Answer<WritePlan> make_plan(const Key& key);

  Store& store_;
  StoredPipelines& kept_;
  PipelineStubs& stubs_;
  IndexPipelines& pipelines_;
  Caller caller_;
  std::map<Key, Answer<WritePlan>> plans_;
  const std::pair<const Key, Answer<WritePlan>>* latest_ = nullptr;
};

/// One document and its way.
struct PipelinedWrite {
  WritePlan plan;
  std::string index;                         ///< as the request named it
  std::unique_ptr<IngestDocument> document;  ///< null if there is a failure from the beginning
  Refusal failure;
  bool dropped = false;

  /// Appends what is to be written, with the mark where a guard asks for it.
  void append_source(std::string& json) const;
  std::string source_json() const;
};

/// Runs the first pipelines of all documents together, then the final ones; marks what failed and what was
/// dropped.
void run_pipelines(WritePlanner& planner, IngestService& ingest, const std::vector<PipelinedWrite*>& writes);

/// A document on its way, or why it cannot go, as Elasticsearch says it. `source` must outlive it.
PipelinedWrite make_write(const WritePlan& plan, const IngestDocument::Metadata& metadata, std::string_view source);

/// What Elasticsearch shows as the id of a document that failed or was dropped before it had one.
constexpr std::string_view k_no_id = "auto-generated";
/// What an answer about a dropped document says besides its index and id.
constexpr std::string_view k_dropped_members =
    R"("_version":-3,"result":"noop","_shards":{"total":0,"successful":0,"failed":0})";
/// The answer to the write of one document that was dropped.
http::Response dropped_answer(const std::string& index, const std::optional<std::string>& id);

}  // namespace sightline::elastic
