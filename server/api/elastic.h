// Elasticsearch's inference requests for vectors.
#pragma once

#include "server/api/dispatch.h"
#include "server/api/json.h"

namespace sightline::api {

/// POST /_inference/text_embedding/{model}
///
/// Request:  input (a string, an array of strings, or the content objects of the `embedding` task: see
///           read_contents), and if wanted input_type, modality, truncate, dimensions (see EmbedFields).
///           `task_settings` is ignored; `query`, `top_n` and `return_documents` belong to other tasks and
///           are refused, as Elasticsearch refuses them.
/// Answer:   {"text_embedding":[{"embedding":[...]}]}, in input order.
void elastic_text_embedding(const Context& context, ExchangePtr exchange);

/// POST /_inference/embedding/{model}
///
/// The same; the answer is {"embeddings":[{"embedding":[...]}]}.
void elastic_embedding(const Context& context, ExchangePtr exchange);

/// Fails for the first of `members` that is present, with Elasticsearch's message.
void refuse_members(FieldReader& fields, std::string_view task, std::initializer_list<const char*> members);

}  // namespace sightline::api
