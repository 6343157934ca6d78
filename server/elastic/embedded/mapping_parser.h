// Reads the mapping of one field, and writes it as GET shows it. The source file also has Mapping::parse.
#pragma once

#include <string>
#include <utility>

#include "base/json/builder.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

[[noreturn]] inline void refuse_mapping(std::string reason) {
  refuse({400, "mapper_parsing_exception", std::move(reason)});
}

/// The field that `body`, an object with a `type`, defines under `path`. Throws Refused for parameters that are unknown
/// or that this store does not support.
FieldPtr parse_field(const std::string& path, const JsonView& body, bool multi_field = false);

/// Writes the members of a field's mapping as GET shows it: its type, the given parameters, multi-fields.
void write_field(json::Builder& out, const Field& field);
/// The default index options of a dense_vector with this many dimensions.
VectorIndexOptions default_index_options(int dims);

}  // namespace sightline::elastic
