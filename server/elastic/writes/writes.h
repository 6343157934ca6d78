// Writes of documents that may go through a pipeline first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/elastic/limits.h"
#include "server/elastic/outcome.h"
#include "server/elastic/writes/pipelined_write.h"

namespace sightline::elastic {

/// `_bulk`, `_doc`, `_create` and `_update`, with the pipelines that run here.
///
/// A document whose pipelines are all the store's own, or that has none, goes to the store as it came; so
/// does a request that holds only such ones. One that has run through its pipelines here is sent with the
/// pipeline
/// `_none`.
/// Thread safety: all members may be called from any thread; they block.
class Writes {
 public:
  Writes(Store& store, StoredPipelines& kept, PipelineStubs& stubs, IngestService& ingest, IndexPipelines& pipelines,
         const Limits& limits = {})
      : store_(store), kept_(kept), stubs_(stubs), ingest_(ingest), pipelines_(pipelines), limits_(limits) {}

  /// `index` is that of the path, or empty. In a bulk a pipeline runs on whole documents, and on those that
  /// an update makes where there is none yet (`upsert`, `doc_as_upsert`), as in Elasticsearch. A body that is
  /// no bulk goes to the store, which says so, unless a pipeline would have to run here before the fault.
  Outcome bulk(http::Request request, const std::string& index);
  /// PUT or POST of /{index}/_doc[/{id}] and /{index}/_create/{id}.
  Outcome document(http::Request request, const std::string& index, const std::optional<std::string>& id, bool create);
  /// POST of /{index}/_update/{id}: the whole document goes through the pipelines after the change, as in
  /// Elasticsearch. So it is read, changed and written back under the condition that nobody else has changed
  /// it; `retry_on_conflict` says how often that is tried again. Scripts are refused where a pipeline runs
  /// here.
  Outcome update(http::Request request, const std::string& index, const std::string& id);
  /// A write to the index in its path whose body is not JSON: refused where a pipeline would have to run
  /// here.
  Outcome unread(http::Request request, const std::string& index);
  /// `_reindex` and `_update_by_query`, whose documents never come here: refused where their pipelines would
  /// have to run here.
  Outcome by_query(http::Request request, const std::vector<std::string>& parts);

 private:
  WritePlanner planner_for(const http::Request& request);

  Store& store_;
  StoredPipelines& kept_;
  PipelineStubs& stubs_;
  IngestService& ingest_;
  IndexPipelines& pipelines_;
  const Limits limits_;
};

}  // namespace sightline::elastic
