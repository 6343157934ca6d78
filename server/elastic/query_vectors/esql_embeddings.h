// Embeddings in ES|QL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sightline::elastic {

/// The endpoints that an ES|QL query names as strings in `TEXT_EMBEDDING(text, "id")` and `EMBEDDING(input, "id")`, in
/// order. Comments, strings and quoted names are read as such, so that only calls of these functions are found. An
/// endpoint that is named otherwise, as by a parameter (`?id`), is not found. Any text is accepted.
std::vector<std::string> embedding_endpoints_in(std::string_view esql);

/// False for texts without such a call, in any case of letters: they need not be read.
bool may_embed(std::string_view text);

}  // namespace sightline::elastic
