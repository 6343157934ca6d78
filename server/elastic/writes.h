// Writes of documents that may go through a pipeline first.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/elastic/bulk_request.h"
#include "server/elastic/ingest/ingest_service.h"
#include "server/elastic/outcome.h"
#include "server/elastic/short_cache.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// The pipelines that the settings of indices name, asked of the store and kept for a second.
/// Thread safety: all members may be called from any thread.
class IndexPipelines {
 public:
  struct Names {
    std::string first;  ///< index.default_pipeline; empty: none
    std::string last;   ///< index.final_pipeline
  };
  IndexPipelines(Store& store, const Timer& timer) : store_(store), timer_(timer), cache_(timer) {}

  /// None for an index that does not exist.
  Answer<Names> of(const Caller& caller, const std::string& index);
  void forget() { cache_.forget(); }

 private:
  Store& store_;
  const Timer& timer_;
  ShortCache<Names> cache_;
};

/// `_bulk`, `_doc` and `_create`, with pipelines.
///
/// Flow of a bulk: 1. The lines are read; a body that is no bulk is refused whole.
///                 2. Each document that has a pipeline (of its line, of the request, or its index's
///                 default_pipeline) runs through it,
///                    all at once; then those whose index has a final_pipeline through that.
///                 3. What is left goes to the store as one plain bulk, in order.
///                 4. The answer holds the store's items and the failed and dropped documents in the order of
///                 the request.
/// Where no document has a pipeline the request is the store's as it came.
/// Thread safety: all members may be called from any thread; they block.
class Writes {
 public:
  Writes(Store& store, IngestService& ingest, IndexPipelines& pipelines)
      : store_(store), ingest_(ingest), pipelines_(pipelines) {}

  /// `index` is that of the path, or empty.
  Outcome bulk(http::Request request, const std::string& index);
  /// PUT or POST of /{index}/_doc[/{id}] and /{index}/_create/{id}.
  Outcome document(http::Request request, const std::string& index, const std::optional<std::string>& id,
                   bool create);
  /// POST of /{index}/_update/{id}.
  Outcome update(http::Request request, const std::string& index, const std::string& id);
  /// `_reindex` and `_update_by_query`, whose documents never come here: with a pipeline of ours they are
  /// refused.
  Outcome by_query(http::Request request, const std::vector<std::string>& parts);

 private:
  struct Write;
  struct SettledItem;
  void run_pipelines(const Caller& caller, std::vector<Write*>& writes);
  http::Response store_bulk(const http::Request& request, const std::vector<BulkItem>& items,
                            std::vector<std::unique_ptr<Write>>& writes, long ingest_took);
  http::Response merged_answer(const http::Request& request, std::string body,
                               const std::vector<SettledItem>& settled, long ingest_took);

  Store& store_;
  IngestService& ingest_;
  IndexPipelines& pipelines_;
};

/// 403 for requests that address the index of endpoints and pipelines.
ElasticError restricted_index();

}  // namespace sightline::elastic
