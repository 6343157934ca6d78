// Reads the mapping of one field, and writes it as GET shows it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/elastic/embedded/mapping.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

/// The field that `body`, an object with a `type`, maps under `path`. Throws Refused for parameters that are unknown
/// or that this store cannot honour.
FieldPtr parse_field(const std::string& path, const JsonView& body, bool multi_field = false);

/// `parameters` of a field as GET shows them: its type, the given ones (name and JSON), multi-fields.
std::string render_parameters(const Field& field,
                              const std::vector<std::pair<std::string, std::string>>& given);
/// dims, index, similarity and index_options of a dense_vector as GET shows them.
std::string render_vector_parameters(const Field& field);
/// The index options that a dense_vector of so many dimensions gets if none were given.
VectorIndexOptions default_index_options(int dims);

}  // namespace sightline::elastic
