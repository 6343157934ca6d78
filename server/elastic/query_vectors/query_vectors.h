// Searches whose vectors are yet to be made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/inference/endpoints.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/inference/native_inference.h"
#include "server/elastic/outcome.h"
#include "server/elastic/query_vectors/json_splice.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Puts a `query_vector` in the place of every `query_vector_builder`; all other bytes of a request stay as
/// they are.
///
/// Flow: 1. A body in which nothing can be found is passed on unread, one that is no JSON as it came: the
///       store's word counts.
///       2. The builders of all its searches are found and read. `text_embedding` and `embedding` need an
///       endpoint that is stored here; any other is left to the store where that runs inference itself,
///       as are builders that cannot be read and searches with `semantic` and the like, which elsewhere are
///       errors. Kinds of builders that are not known here are left to the store, too.
///       3. All inference starts at once and may take 10 s (`embedding`: its `timeout`, or 30 s); meanwhile the store
///       is asked for all vectors that `lookup` names.
///       4. The vectors go into the text. A search of an _msearch that has failed is taken out of it, and its
///       error put into the answer.
/// Thread safety: all members may be called from any thread; they block.
class QueryVectors {
 public:
  /// An _msearch of more searches than `max_searches` is refused if it has to be inspected.
  QueryVectors(Store& store, NativeInference& native, Endpoints& endpoints, InferenceExecutor& executor,
               std::size_t max_searches)
      : store_(store), native_(native), endpoints_(endpoints), executor_(executor), max_searches_(max_searches) {}

  /// `_search`, `_count` and whatever else has a body of one JSON object that holds queries, or has it in the
  /// parameter `source`.
  Outcome search(http::Request request);
  /// `_msearch`. The request is passed on if no search of it failed.
  Outcome multi_search(http::Request request);
  /// `_search/template` and `_msearch/template`: an inline template whose builder needs inference is refused,
  /// for its text is not known before it is rendered. `_render/template` and stored templates are passed on.
  Outcome search_template(http::Request request);
  /// `_query`: ES|QL runs in the cluster, so that one of its functions that names an endpoint stored here is refused.
  /// All other queries are passed on as they came.
  Outcome query_language(http::Request request);

 private:
  /// One search, and what becomes of it.
  struct Search {
    std::string_view text = {};
    std::size_t offset = 0;            ///< of the text in the body
    std::vector<Splice> splices = {};  ///< of the body
    Refusal failure = {};
  };
  class Resolution;

  void resolve(const Caller& caller, std::vector<Search>& searches);
  /// The store's answer to the searches that did not fail, with the errors of the others.
  Outcome with_failures(http::Request request, const std::vector<Splice>& splices,
                        const std::vector<Refusal>& failures);

  Store& store_;
  NativeInference& native_;
  Endpoints& endpoints_;
  InferenceExecutor& executor_;
  const std::size_t max_searches_;
};

}  // namespace sightline::elastic
