// Cohere's embed request.
#pragma once

#include "server/api/dispatch.h"

namespace sightline::api {

inline constexpr std::size_t k_cohere_max_inputs = 96;  ///< of one request, as Cohere publishes it

/// POST /v2/embed
///
/// Request:  model, input_type (search_document, search_query, classification, clustering, image), and one of
///           texts (strings), images (data URLs), inputs ({"content":[{"type":"text","text":...},
///           {"type":"image_url","image_url":{"url":...}}]}: one vector for all parts of a content); at most
///           96. If wanted: embedding_types (an array of VectorType's words; default float),
///           output_dimension, truncate (see EmbedFields). `max_tokens`, `priority` and members not named
///           here are ignored. A text that is a data URL is a picture, as everywhere (see read_contents);
///           with input_type `image` all texts must be pictures.
/// Answer:   {"id","embeddings":{"float":[[...]]},"texts":[...],"images":[...],"meta":{"api_version",
///           "billed_units":{"input_tokens","images"}},"response_type":"embeddings_by_type"}
void cohere_embed_v2(const Context& context, ExchangePtr exchange);

/// POST /v1/embed
///
/// The same, but input_type may be absent, and without embedding_types the answer is of response_type
/// `embeddings_floats`: "embeddings":[[...]].
void cohere_embed_v1(const Context& context, ExchangePtr exchange);

}  // namespace sightline::api
