// OpenAI's embeddings request.
#pragma once

#include "server/api/dispatch.h"

namespace sightline::api {

/// POST /v1/embeddings
///
/// Request:  model (a name from --model), input (see read_contents), and if wanted
///           encoding_format (`float`, `base64`: little-endian float32), dimensions, input_type, modality,
///           truncate (see EmbedFields). `user` and members not named here are ignored, as OpenAI's clients
///           send more with each release.
/// Answer:   {"object":"list","model":...,"data":[{"object":"embedding","index":0,"embedding":[...]}],
///           "usage":{"prompt_tokens":..,"total_tokens":..}}: tokens of texts with BOS and EOS, none for a
///           picture. If texts were cut, also "truncated":[positions].
void openai_embeddings(const Context& context, ExchangePtr exchange);

}  // namespace sightline::api
