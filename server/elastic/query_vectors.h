// `query_vector_builder` in searches.
#pragma once

#include <string>

#include "server/elastic/definitions.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/native_inference.h"
#include "server/elastic/outcome.h"
#include "server/elastic/store.h"

namespace sightline::elastic {

/// Replaces `"query_vector_builder": {"text_embedding": {"model_id", "model_text"}}` by the `query_vector`
/// that it stands for, wherever a `knn` occurs: at the top (one or a list), in a query at any depth, in a
/// retriever. The text may be a data URI: then the query is a picture. All builders of a request are computed
/// at once, within 10 s (xpack.inference.query_timeout). Thread safety: all members may be called from any
/// thread; they block.
class QueryVectors {
 public:
  QueryVectors(Store& store, NativeInference& native, Definitions& definitions, InferenceExecutor& executor)
      : store_(store), native_(native), definitions_(definitions), executor_(executor) {}

  /// `_search`, `_count` and the like: a body of one JSON object. Passed on as it came if it has no builder.
  Outcome search(http::Request request);
  /// `_msearch`: a search whose vector cannot be built fails alone.
  Outcome multi_search(http::Request request);
  /// `_search/template` and `_msearch/template`: vectors cannot be put into a text that is yet to be rendered.
  Outcome search_template(http::Request request);

 private:
  /// The body with its vectors.
  Answer<std::string> resolved(const Caller& caller, std::string_view body);

  Store& store_;
  NativeInference& native_;
  Definitions& definitions_;
  InferenceExecutor& executor_;
};

}  // namespace sightline::elastic
