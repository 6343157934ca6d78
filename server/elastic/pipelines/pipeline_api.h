// `/_ingest/pipeline`: pipelines, and trying them out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/elastic/limits.h"
#include "server/elastic/pipelines/index_pipeline_names.h"
#include "server/elastic/pipelines/ingest_service.h"
#include "server/elastic/pipelines/pipeline_stubs.h"
#include "server/elastic/pipelines/stored_pipelines.h"
#include "server/elastic/rest/router.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Keeps all pipelines where the store has none of its own. In front of a cluster it keeps those alone that
/// the cluster could not run: with an `inference` processor whose model is not the cluster's, or a `pipeline`
/// processor that names one kept here (when it is stored: a pipeline of the cluster does not see one that
/// comes to be kept here later, and says so when it runs). All others are the cluster's, in whose words it is
/// answered about them. No name is in both places, but for the stand-ins of `PipelineStubs`.
///
/// The pipeline of an index is not deleted: the embedded store's indices are looked at here; a cluster refuses to delete
/// the stand-in.
///
/// Thread safety: handlers may run on any thread; they block.
class PipelineApi {
 public:
  /// The pipelines of all indices, from their settings.
  using OfIndices = std::function<Answer<std::vector<IndexPipelineNames>>(const Caller& caller)>;

  PipelineApi(StoredPipelines& pipelines, IngestService& ingest, Store& store, PipelineStubs& stubs,
              OfIndices of_indices, const Limits& limits = {})
      : pipelines_(pipelines),
        ingest_(ingest),
        store_(store),
        stubs_(stubs),
        of_indices_(std::move(of_indices)),
        limits_(limits) {}

  void add_routes(rest::Router& router);

 private:
  /// Nothing: the request is the cluster's.
  using Handled = std::optional<http::Response>;
  class Change;

  Handled put(const http::Request& request, const std::string& id);
  Handled get(const http::Request& request, const std::string& ids);
  Handled remove(const http::Request& request, const std::string& id);
  /// Errors: 400 if an index of the embedded store has one of these pipelines.
  Refusal refuse_used(const Caller& caller, const std::vector<std::string>& names);
  /// With a stored pipeline, or with the one in the body if `id` is empty.
  Handled simulate(const http::Request& request, const std::string& id);

  Answer<std::vector<DefinitionIndex::Definition>> kept_of(const Caller& caller,
                                                           const std::vector<std::string>& patterns);
  Answer<bool> is_kept_here(const Caller& caller, const Pipeline& pipeline);
  Answer<bool> names_own_model(const Caller& caller, const rapidjson::Value& options);
  /// Why a pipeline that is for this server to run cannot be run.
  Handled refusal_of(const Caller& caller, const Pipeline& pipeline);
  Handled put_through(const http::Request& request, const std::string& id);
  Handled merged_list(const http::Request& request, const std::vector<DefinitionIndex::Definition>& own, bool summary);
  Handled simulate_here(const Caller& caller, const rapidjson::Value& body,
                        const std::shared_ptr<const Pipeline>& pipeline);
  bool has_cluster() const { return store_.runs_pipelines(); }

  StoredPipelines& pipelines_;
  IngestService& ingest_;
  Store& store_;
  PipelineStubs& stubs_;
  const OfIndices of_indices_;
  const Limits limits_;
};

}  // namespace sightline::elastic
