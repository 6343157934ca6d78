// Elasticsearch's inference request.
#pragma once

#include "server/api/embed_fields.h"

namespace sightline::api {

/// POST /_inference/text_embedding/{model}
///
/// Request:  input (a string, an array of strings, or the content objects of the `embedding` task: see
///           read_inputs), and if wanted input_type, modality, truncate (see read_embed_fields).
///           `task_settings` is ignored; `query`, `top_n` and `return_documents` belong to other tasks and
///           are refused, as Elasticsearch refuses them.
/// Answer:   {"text_embedding":[{"embedding":[...]}]}, in input order.
void elastic_text_embedding(const Context& context, ExchangePtr exchange);

}  // namespace sightline::api
