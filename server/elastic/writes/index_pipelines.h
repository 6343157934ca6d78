// The pipelines that indices ask for.
#pragma once

#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "server/elastic/caller.h"
#include "server/elastic/definitions/short_cache.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/pipelines/index_pipeline_names.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// The pipelines that the settings of indices name, asked of the store and kept for a second for each caller.
/// Thread safety: all members may be called from any thread.
class IndexPipelines {
 public:
  using Names = IndexPipelineNames;
  IndexPipelines(Store& store, const Timer& timer) : store_(store), cache_(timer) {}

  /// What a write to `name` (an index, an alias, a data stream, date math) meets. For one that does not exist
  /// that is what the index template says by which a cluster makes it, else none. A caller who may not see
  /// the settings gets none, as if there were none. Errors: those of the store.
  Answer<Names> of(const Caller& caller, const std::string& name);
  /// Of all indices that the expression ("a,b*") stands for. `query`: how it is read ("expand_wildcards=all").
  Answer<std::vector<Names>> all(const Caller& caller, const std::string& expression, const std::string& query = {});
  void forget() { cache_.forget(); }

 private:
  Answer<rapidjson::Document> ask(const Caller& caller, const std::string& path, http::Method method,
                                  const std::string& query = {});
  Answer<Names> look_up(const Caller& caller, const std::string& name);
  Answer<Names> of_template(const Caller& caller, const std::string& name);
  Answer<std::string> write_index(const Caller& caller, const std::string& name, const rapidjson::Value& settings);

  Store& store_;
  ShortCache<Names> cache_;
};

}  // namespace sightline::elastic
