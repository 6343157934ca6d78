// Which field an unknown name becomes: Elasticsearch's dynamic mapping.
#pragma once

#include <string>

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

struct InferredField {
  FieldPtr field = nullptr;  ///< null if the value says nothing: only nulls, or empty
  bool objects = false;      ///< an array of objects: each is to be read on its own
};

/// The field for a string, number, boolean or array. Strings become text with a `keyword` multi-field, or
/// dates; whole numbers long, others float; 128 to 4096 decimal numbers in an array a dense_vector. Refuses an array
/// of several types.
InferredField infer_field(const std::string& path, const rest::JsonTape& tape, std::size_t value);

}  // namespace sightline::elastic
