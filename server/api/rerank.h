// Elasticsearch's rerank request: which documents are nearest to a query.
#pragma once

#include "server/api/dispatch.h"

namespace sightline::api {

/// POST /_inference/rerank/{model}
///
/// Request:  query (a text or a picture: a string or a content object) and input (the documents, the same),
///           and optionally top_n (number of best documents; default all), return_documents (default false), modality
///           and truncate (see EmbedFields). top_n and return_documents may also be in `task_settings`.
/// Answer:   {"rerank":[{"index":1,"relevance_score":0.93,"text":"..."}]}, the best first, equals in their
///           order. The score is the cosine of both vectors, -1 to 1. `text`, with return_documents: the
///           unchanged string, or the content object as JSON.
void elastic_rerank(const Context& context, ExchangePtr exchange);

}  // namespace sightline::api
