// Hugging Face's embeddings request.
#pragma once

#include "server/api/dispatch.h"

namespace sightline::api {

/// POST /hugging_face/{model}
///
/// Request:  inputs (a string, an array of strings, or content objects: see read_contents), and if wanted, as
///           text-embeddings-inference has them: truncate (true, the default, or false: too long a text is
///           refused), truncation_direction (`right`, `left`), normalize (only true: every vector has
///           unit length), dimensions. They may also be in an object `parameters`, as inference endpoints
///           take them. Ours: input_type, modality. A prompt_name is refused: the models have no prompts.
/// Answer:   [[...]], one vector per input, also for a single string.
void hugging_face_embeddings(const Context& context, ExchangePtr exchange);

}  // namespace sightline::api
