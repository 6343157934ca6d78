// The vectors in an inference server's answer.
#pragma once

#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// One vector an input, in the order of the inputs; all values finite.
using Embeddings = std::vector<std::vector<float>>;

/// An answer's JSON. Errors: x_content_parse_exception that says where.
Answer<rapidjson::Document> parse_answer(std::string_view body);

/// Reads the vectors at `path` in an answer. A path is `$`, the whole answer, and steps: `.name` a field,
/// `[*]` all items of a list. It must lead to a list of lists of numbers: `$.data[*].embedding[*]`,
/// `$.data[*].embedding` and `$.embeddings` all can. Errors: illegal_argument_exception and the like with
/// Elasticsearch's texts, naming the entry at fault. Unlike Elasticsearch it refuses nulls, empty vectors and
/// numbers outside of float32, so that no vector comes out shorter or other than it was sent.
Answer<Embeddings> embeddings_at(const rapidjson::Value& answer, std::string_view path);

/// The same of a body, which must be a JSON object.
Answer<Embeddings> parse_embeddings(std::string_view body, std::string_view path);

}  // namespace sightline::elastic
