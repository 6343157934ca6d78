// From a request's contents to its answer.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "server/api/embed_fields.h"

namespace sightline::api {

/// Makes the answer. Called on any thread, with one entry per content, in their order: a vector of unit length, of
/// the requested length; the tokens of all its parts; truncated if one of its texts was.
using Render = std::function<Result<http::Response>(serving::Embeddings)>;

/// Puts the pictures that `fields` name by URL in the place of their URLs and calls `next`: at once if there are none,
/// else later, on another thread. An error is answered, in the route's shape, and `next` is not called.
void fetch_pictures(const Context& context, ExchangePtr exchange, const std::string& model, EmbedFields fields,
                    std::function<void(ExchangePtr, EmbedFields)> next);

/// Fetches pictures (fetch_pictures), embeds `fields` with the model of that name and sends the answer of `render`;
/// errors are answered in the route's shape. A content of several parts gets one vector (see `fused`); vectors are
/// shortened after that. A header `Warning: 299` names the texts that look like addresses of pictures.
void embed_and_reply(const Context& context, ExchangePtr exchange, const std::string& model, EmbedFields fields,
                     Render render);

/// An answer in JSON. A header `X-Truncated-Inputs: 0,4` names those of `inputs` that were cut.
http::Response json_answer(std::string body, std::span<const serving::Embedding> inputs);

/// Adds a header `Warning: 299` that names texts of a request that were cut, other than its inputs; none if there are
/// none.
void warn_of_cuts(http::Response& response, const std::vector<std::string>& places);

/// Positions of those that were cut, as `0,4`.
std::string truncated_positions(std::span<const serving::Embedding> inputs);

/// Tokens of all of them.
std::size_t total_tokens(std::span<const serving::Embedding> inputs);

}  // namespace sightline::api
