// `semantic_text` and `semantic` fields in mappings.
#pragma once

#include <string>
#include <vector>

#include "server/http/message.h"

namespace sightline::elastic {

/// A field that a request maps and that the cluster fills by an endpoint: of type `semantic_text`, or, since
/// Elasticsearch 9.5, `semantic`.
struct SemanticText {
  std::string name;                        ///< "title", without the objects around it
  std::string type;                        ///< "semantic_text" or "semantic"
  std::vector<std::string> inference_ids;  ///< that it names; empty: Elasticsearch's default endpoint
};

/// False for requests that make no index, mapping or template, or whose body does not hold the word: they
/// need not be read.
bool may_map_semantic_text(const http::Request& request);

/// The fields in the mappings of such a request; none in a body that is not JSON.
std::vector<SemanticText> semantic_texts_in(const http::Request& request);

}  // namespace sightline::elastic
