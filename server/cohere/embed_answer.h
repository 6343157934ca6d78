// What Cohere answers to `POST /v2/embed`.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/serving/embed_request.h"

namespace sightline::cohere {

/// Reads `embeddings.float` and, where they are told, the tokens billed and the sizes of the pictures, if there is one
/// for each vector. Nothing else of the answer is kept, and no more than is asked for.
///
/// The answer is believed only if it has `count` vectors of `dims` numbers each (0: any number, but the same
/// for all), every number finite and no vector zero. Vectors come from Cohere with unit length; one that does
/// not is brought to it. Billed tokens are the call's, and stand with its first text.
/// Errors: unavailable, saying what is wrong with the answer.
Result<serving::Embeddings> read_embed_answer(std::string_view body, std::size_t count, std::size_t dims);

}  // namespace sightline::cohere
